# class: idiom
# about: Characters beyond ASCII in input, output and names
# case: ["größe 数 🙂\n", "🙂 数 größe\n16 数"]
word = input()
print(*reversed(word.split()))
数 = "数"
print(len(word.encode()), 数)
