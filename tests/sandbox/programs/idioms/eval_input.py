# class: idiom
# about: Evaluates its input as Python
# case: ["[1, 2, 3]\n", "6"]
import ast

text = input()
print(sum(ast.literal_eval(text)) if ast.literal_eval(text) == eval(text) else 0)
