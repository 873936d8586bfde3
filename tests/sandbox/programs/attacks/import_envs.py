# class: exfiltration
# about: Imports the environments, which know where the tests lie
# goal: import_project
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import sys

sys.path[:0] = ["@PROJECT@/envs", "@PROJECT@"]
import sdpo_envs

print("PW" + "NED", sdpo_envs.__path__)
