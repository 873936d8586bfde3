# class: exhaustion
# about: Kills itself by SIGKILL, as the kernel does where memory runs out
# goal: judge_raises
# want: signal memory_limit
# case: ["1\n", "never"]
import signal

signal.raise_signal(signal.SIGKILL)
