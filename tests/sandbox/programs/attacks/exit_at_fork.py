# class: tampering
# about: Waits in the hooks of fork for a judge that forks the next test from it
# unproven: needs a judge that forks from the solution's process
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import os

for place in ("before", "after_in_parent", "after_in_child"):
    os.register_at_fork(**{place: lambda: os._exit(0)})
print("something else")
