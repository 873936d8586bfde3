# class: idiom
# about: The standard modules for text
# case: ["Hello, World 42!\n", "['Hello', 'World', '42'] H-ll-, W-rld 42! abc 0123456789\n  x"]
import re
import string
import textwrap

line = input()
print(re.findall(r"\w+", line), re.sub("[aeiou]", "-", line), string.ascii_lowercase[:3], string.digits)
print(textwrap.indent("x", "  "))
assert re.fullmatch(r"(?P<a>\d)\s*", "5 ").group("a") == "5" and line.translate(str.maketrans("H", "J"))[0] == "J"
