# class: exfiltration
# about: Imports the judge
# goal: import_project
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import importlib.util
import sys

sys.path[:0] = ["@PROJECT@/envs", "@PROJECT@"]
for name in ["sdpo_gym.sandbox.job", "sdpo_gym.judge", "sdpo_gym"]:
    if name in sys.modules:
        print("PW" + "NED loaded", name)
if importlib.util.find_spec("sdpo_gym"):
    print("PW" + "NED can import sdpo_gym")
