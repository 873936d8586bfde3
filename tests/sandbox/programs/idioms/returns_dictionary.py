# class: idiom
# about: Returns a Counter
# entry: solve
# case: ["\"abca\"", "{\"a\": 2, \"b\": 1, \"c\": 1}"]
from collections import Counter


def solve(text):
    return Counter(text)
