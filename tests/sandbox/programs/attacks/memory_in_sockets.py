# class: exhaustion
# about: Keeps memory in the buffers of sockets, where no limit of its own counts it
# goal: forbidden
# want: runtime_error wrong_answer
# case: ["1\n", "never"]
import socket

held, pairs = 0, []
try:
    while held < 64 << 20:
        left, right = socket.socketpair()
        pairs.append((left, right))
        for end in (left, right):
            end.setblocking(False)
            try:
                while True:
                    held += end.send(bytes(1 << 16))
            except BlockingIOError:
                pass
    print("PW" + "NED", held)
except OSError:
    pass
