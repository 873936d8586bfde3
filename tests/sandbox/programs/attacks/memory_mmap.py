# class: exhaustion
# about: Takes more memory than the limit by mmap
# goal: exhaust_memory
# want: memory_limit runtime_error time_limit
# case: ["1\n", "never"]
import mmap

region = mmap.mmap(-1, 420 << 20)
for page in range(0, len(region), 4096):
    region[page] = 1
print(len(region))
