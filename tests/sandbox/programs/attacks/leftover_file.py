# class: persistence
# about: Leaves a file where the judge's own user may write
# goal: leftover_file
# want: runtime_error wrong_answer signal
# case: ["4\n", "never"]
import os

os.makedirs(os.path.dirname("@MARKER@"), exist_ok=True)
with open("@MARKER@", "w") as file:
    file.write("I was here")
