# class: exhaustion
# about: Matches a regular expression that backtracks for ever
# goal: exhaust_time
# want: time_limit
# case: ["1\n", "never"]
import re

print(re.match(r"(a|aa)+$", "a" * 200 + "b"))
