# class: escape
# about: Makes a socket through the 32-bit system call table, whose numbers differ from those that a filter checks
# goal: forbidden
# machine: x86_64
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import mmap

code = bytes.fromhex("53" "b867010000" "bb02000000" "b901000000" "31d2" "cd80" "5b" "c3")
region = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
region.write(code)
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(region)))
fd = call()
if fd >= 0:
    print("PW" + "NED 32-bit socket", fd)
