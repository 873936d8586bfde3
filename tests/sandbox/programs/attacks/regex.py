# class: exhaustion
# goal: exhaust_time
# want: time_limit
# case: ["1\n", "never"]
import re

print(re.match(r"(a|aa)+$", "a" * 200 + "b"))
