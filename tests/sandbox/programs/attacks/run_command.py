# class: escape
# about: Runs commands
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import subprocess

print("PW" + "NED", subprocess.run(["/bin/cat", "/etc/hostname"], capture_output=True, text=True, check=True).stdout)
os.system("echo PW''NED system")
