# class: idiom
# about: Raises SystemExit
# case: ["3\n", "9"]
def main():
    print(int(input()) ** 2)
    raise SystemExit(0)


main()
