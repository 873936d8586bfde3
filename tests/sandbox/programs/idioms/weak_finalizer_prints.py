# class: idiom
# about: Prints in a weak finalizer, which runs at exit
# case: ["4\n", "first\nlast 16"]
import weakref


class Kept:
    pass


kept = Kept()
weakref.finalize(kept, print, "last", int(input()) ** 2)
print("first")
