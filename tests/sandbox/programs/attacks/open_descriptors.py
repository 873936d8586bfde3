# class: exhaustion
# about: Opens descriptors without end
# goal: exhaust_descriptors
# want: time_limit runtime_error
# case: ["1\n", "never"]
import os

while True:
    try:
        os.dup(0)
    except OSError:
        pass
