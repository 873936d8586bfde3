# class: exhaustion
# about: Stops itself with raise()
# goal: hang_judge
# want: idle_limit runtime_error wrong_answer signal
# case: ["1\n", "never"]
import signal

signal.raise_signal(signal.SIGSTOP)
