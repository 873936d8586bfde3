# class: escape
# about: Opens files by handle instead of by path, which is how programs left older containers
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform

name, by_handle = {"x86_64": (303, 304), "aarch64": (264, 265)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
mount = ctypes.c_int()
for path in (b"/", b"/tmp", b"/proc", b"/dev"):
    handle = ctypes.create_string_buffer((128).to_bytes(4, "little"), 136)
    if libc.syscall(name, -100, path, handle, ctypes.byref(mount), 0) == 0:
        print("PW" + "NED handle of", path)
    if libc.syscall(by_handle, -100, handle, 0) >= 0:
        print("PW" + "NED opened", path)
