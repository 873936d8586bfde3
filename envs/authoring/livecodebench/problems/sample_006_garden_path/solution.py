from math import isqrt

for _ in range(int(input())):
    w, h, s = map(int, input().split())
    # 4k^2 + 2(w + h)k <= s; completing the square: (4k + w + h)^2 <= (w + h)^2 + 4s
    print((isqrt((w + h) ** 2 + 4 * s) - w - h) // 4)
