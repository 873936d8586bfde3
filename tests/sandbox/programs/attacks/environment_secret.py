# class: exfiltration
# about: Reads secrets from os.environ
# goal: env_secret
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for name, value in os.environ.items():
    if "SECRET" in name or "TOKEN" in name or "_KEY" in name:
        print("PW" + "NED", name, value)
