# class: idiom
# about: Texts with spaces and tabs as arguments and answer
# entry: solve
# case: ["\"the quick  brown fox\"\n[\"a b\", \"c\\td\", \"\"]", "[\"fox\", \"a b\", \"c\\td\", \"\"]"]
def solve(text, words):
    return [text.split(" ")[-1], *words]
