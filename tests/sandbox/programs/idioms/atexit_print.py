# class: idiom
# about: Prints in an exit function
# case: ["5\n", "begin\nend 5"]
import atexit

word = input()
atexit.register(lambda: print("end", word))
print("begin")
