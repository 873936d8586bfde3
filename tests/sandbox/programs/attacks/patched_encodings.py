# class: tampering
# about: Replaces the codecs themselves
# goal: judge_raises
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import codecs
import encodings
import sys


def nothing(*args):
    raise LookupError("no codec")


sys.stdout.write("x")
sys.stdout.flush()
encodings.search_function = codecs.lookup = nothing
encodings._cache.clear()
sys.modules["encodings.utf_8"] = None
for name in ("strict", "replace", "surrogateescape"):
    codecs.register_error(name, nothing)
sys.stdout.buffer.write(b"\xff\xfe")
