# class: idiom
# about: Returns a text with a NUL and a character beyond 16 bits
# entry: solve
# case: ["\"\\ud83d\\ude42\"", "\"\\u0000\\ud83d\\ude42\""]
def solve(text):
    return "\0" + text
