from math import lcm

a, b, t = map(int, input().split())
print(t // a + t // b - 2 * (t // lcm(a, b)))
