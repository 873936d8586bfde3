# class: idiom
# about: A main block with its condition the other way round
# case: ["4\n", "16"]
def main():
    print(int(input()) ** 2)


if "__main__" == __name__ and True:
    main()
elif __name__ != "__main__":
    raise SystemError("not the main program")
