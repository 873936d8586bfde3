# class: idiom
# about: Input with CR LF line ends
# case: ["2\r\n10 20\r\nword\r\n", "30 word"]
n = int(input())
print(sum(map(int, input().split())), input().strip())
