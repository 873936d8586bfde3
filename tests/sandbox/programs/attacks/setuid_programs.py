# class: escape
# about: Runs a program that takes its owner's rights
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import subprocess

for path in ["/bin/su", "/usr/bin/su", "/bin/mount", "/usr/bin/sudo", "/usr/bin/passwd", "/usr/bin/newgrp"]:
    if subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, check=False, timeout=5).returncode is not None:
        print("PW" + "NED", path)
