# class: persistence
# about: Remembers the first test in the access times of the runtime's files, directories and links
# unproven: the weak judge's files lie on a read-only mount
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import os
import sys

given = input()
root = os.path.dirname(sys.prefix)
for directory, names, files in os.walk(root):
    if directory.count("/") - root.count("/") > 1:
        names.clear()
    for name in [*names, *files]:
        path = os.path.join(directory, name)
        before = os.lstat(path).st_atime_ns
        if os.path.islink(path):
            os.readlink(path)
        elif os.path.isfile(path):
            os.close(os.open(path, os.O_RDONLY))
        else:
            os.listdir(path)
        if os.lstat(path).st_atime_ns != before:
            print("PW" + "NED access time of", path)
print(given)
