# class: idiom
# about: Returns floats, booleans and None
# entry: solve
# case: ["1\n3", "[0.3333333333333333, true, null, -0.0, 1e+100]"]
def solve(a, b):
    return [a / b, a < b, None, -0.0, 1e100]
