# class: escape
# about: Makes netlink, vsock and kernel crypto sockets
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
# The families that no solution needs: netlink, vsock, kernel crypto.
import socket

for family, kind in [(16, 3), (40, 1), (38, 5)]:
    try:
        socket.socket(family, kind, 0)
        print("PW" + "NED socket family", family)
    except OSError:
        pass
