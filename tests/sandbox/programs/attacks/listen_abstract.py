# class: escape
# about: Listens on an abstract socket, where another program could meet it
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
    server.bind("\0sdpo-left-meeting")
    server.listen()
    print("PW" + "NED listening")
