# class: idiom
# about: Texts with escapes as argument and answer
# entry: solve
# case: ["\"a\\n\\\"b\\\" \\u00e9\"", "\"\\u00e9 \\\"b\\\"\\na\""]
def solve(text):
    head, tail = text.split("\n")
    return " ".join(tail.split()[::-1]) + "\n" + head
