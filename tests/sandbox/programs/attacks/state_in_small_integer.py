# class: persistence
# about: Changes the number 250 by writing into the interpreter
# goal: false_pass
# want: wrong_answer runtime_error signal
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes

given = input()
cell = ctypes.c_uint32.from_address(id(int("250")) + 24)
print(given if str(cell.value) == "250" else "first")
cell.value = 251
