# class: escape
# about: Reads what the kernel tells of the machine, and writes its switches (sysrq, core pattern)
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for path in ["/proc/version", "/proc/meminfo", "/proc/kcore", "/proc/kallsyms", "/proc/sys/kernel/hostname", "/proc/net/tcp", "/sys"]:
    try:
        os.close(os.open(path, os.O_RDONLY))
        print("PW" + "NED read", path)
    except OSError:
        pass
for path in ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/self/oom_score_adj", "/sys/fs/cgroup/cgroup.procs"]:
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("PW" + "NED write", path)
    except OSError:
        pass
