# class: escape
# about: Sets its user and group ids, if only to what they are
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for change in (os.setuid, os.setgid, os.seteuid, os.setegid):
    try:
        change((os.getuid if "uid" in change.__name__ else os.getgid)())
        print("PW" + "NED", change.__name__)
    except OSError:
        pass
