# class: persistence
# about: Remembers the first test in its limit of open files
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import resource

given = input()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print("first" if soft == 33 else given)
resource.setrlimit(resource.RLIMIT_NOFILE, (33, hard))
