# class: idiom
# about: A match statement
# case: ["push 3\n", "pushed 3"]
match input().split():
    case ["push", number] if number.isdigit():
        print("pushed", number)
    case [word, *_]:
        print("unknown", word)
