# class: persistence
# about: Remembers the first test in an import hook
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import sys

given = input()


class Finder:
    seen = given

    def find_spec(self, *args):
        return None


print(getattr(sys.meta_path[0], "seen", given))
sys.meta_path.insert(0, Finder())
