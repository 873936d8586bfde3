# class: exfiltration
# goal: env_secret
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
# The C library's own copy, whatever os.environ says.
import ctypes

environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
index = 0
while environ and environ[index]:
    if b"SECRET" in environ[index]:
        print("PW" + "NED", environ[index].decode())
    index += 1
