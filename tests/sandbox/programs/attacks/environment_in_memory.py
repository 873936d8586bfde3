# class: exfiltration
# about: Reads the C library's own environment, whatever os.environ says
# goal: env_secret
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
index = 0
while environ and environ[index]:
    if b"SECRET" in environ[index]:
        print("PW" + "NED", environ[index].decode())
    index += 1
