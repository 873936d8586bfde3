# class: idiom
# about: Maps its standard input
# case: ["5 7\n8\n", "20"]
import mmap

with mmap.mmap(0, 0, prot=mmap.PROT_READ) as text:
    print(sum(map(int, text[:].split())))
