# class: exhaustion
# about: Sleeps
# goal: exhaust_time
# want: idle_limit
# case: ["1\n", "never"]
import time

time.sleep(3600)
