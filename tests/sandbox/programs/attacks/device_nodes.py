# class: escape
# about: Opens devices: memory, kernel log, terminals, KVM, FUSE
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

names = ["mem", "kmem", "port", "kmsg", "ptmx", "tty", "kvm", "fuse", "zero", "full", "random", "urandom", "sda", "vda", "loop0"]
names += ["net/tun", "vsock", "userfaultfd", "input/event0", "uinput", "snapshot", "mapper/control", "hpet", "rtc0"]
for name in names:
    for mode in (os.O_RDONLY, os.O_WRONLY):
        try:
            os.close(os.open(f"/dev/{name}", mode | os.O_NOCTTY))
            print("PW" + "NED", name)
        except OSError:
            pass
