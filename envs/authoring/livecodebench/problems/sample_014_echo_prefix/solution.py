import sys

text, number = sys.stdin.read().split()
k = int(number)
n = len(text)
border = [0] * (n + 1)  # border[i]: the longest proper prefix of text[:i] that is also its suffix
length = 0
for i in range(1, n):
    while length and text[i] != text[length]:
        length = border[length]
    if text[i] == text[length]:
        length += 1
    border[i + 1] = length

count = [1] * (n + 1)
for i in range(n, 0, -1):
    count[border[i]] += count[i]
print(max((i for i in range(1, n + 1) if count[i] >= k), default=0))
