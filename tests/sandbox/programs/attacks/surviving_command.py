# class: survival
# about: Leaves a command running
# goal: survivor
# want: runtime_error wrong_answer signal
# case: ["4\n", "never"]
import subprocess

subprocess.Popen(["/bin/sleep", "600"], start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
print(4)
