# class: escape
# about: Makes itself dumpable, a reaper of orphans, deaf to its parent's death
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
# PR_SET_DUMPABLE, PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_PTRACER, PR_SET_NAME, PR_SET_TIMERSLACK, PR_SET_TSC
for option, value in [(4, 1), (1, 0), (36, 1), (0x59616D61, -1), (15, b"systemd"), (29, 1), (26, 1)]:
    if libc.prctl(option, value, 0, 0, 0) == 0:
        print("PW" + "NED prctl", option)
