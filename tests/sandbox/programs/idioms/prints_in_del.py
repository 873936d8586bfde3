# class: idiom
# about: Prints when its last object is deleted at its end
# case: ["4\n", "16\ndeleted"]
class Last:
    def __del__(self):
        print("deleted")


last = Last()
print(int(input()) ** 2)
