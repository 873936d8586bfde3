# class: escape
# about: Makes a socket of every family and kind: packet, Bluetooth, CAN, XDP, TIPC and others
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
pair = (ctypes.c_int * 2)()
for family in range(64):
    for kind in (1, 2, 3, 4, 5, 10):
        for protocol in (0, 1, 255, 768):
            if libc.socket(family, kind, protocol) >= 0:
                print("PW" + "NED socket", family, kind, protocol)
        if family != 1 and libc.socketpair(family, kind, 0, pair) == 0:
            print("PW" + "NED socketpair", family, kind)
