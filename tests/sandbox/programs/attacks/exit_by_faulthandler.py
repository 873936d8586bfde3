# class: tampering
# about: Lets the fault handler end the process from a thread of C
# goal: judge_raises
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import faulthandler

faulthandler.dump_traceback_later(0.02, exit=True)
while True:
    pass
