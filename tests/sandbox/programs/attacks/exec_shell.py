# class: escape
# about: Executes a shell
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

os.execv("/bin/sh", ["sh", "-c", "echo PW''NED shell"])
