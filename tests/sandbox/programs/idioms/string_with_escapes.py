# class: idiom
# entry: solve
# case: ["\"a\\n\\\"b\\\" \\u00e9\"", "\"\\u00e9 \\\"b\\\"\\na\""]
def solve(text):
    head, tail = text.split("\n")
    return " ".join(tail.split()[::-1]) + "\n" + head
