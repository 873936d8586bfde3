import sys


def main():
    data = list(map(int, sys.stdin.read().split()))
    n, q = data[:2]
    xs, ys = data[2 : 2 * n + 2 : 2], data[3 : 2 * n + 2 : 2]
    x0, y0 = xs[0], ys[0]
    dx, dy = [x - x0 for x in xs], [y - y0 for y in ys]
    answers = []
    for u, v in zip(data[2 * n + 2 :: 2], data[2 * n + 3 :: 2]):
        u -= x0
        v -= y0
        # the fan of triangles (0, i, i + 1): find the last i that the point is not to the right of
        low, high = 0, n - 1
        while high - low > 1:
            mid = (low + high) // 2
            if dx[mid] * v - dy[mid] * u >= 0:
                low = mid
            else:
                high = mid
        if low == 0:  # right of the first edge's line: the border has nothing there
            answers.append("OUT")
            continue
        ax, ay, bx, by = dx[low], dy[low], dx[low + 1], dy[low + 1]
        beyond = (bx - ax) * (v - ay) - (by - ay) * (u - ax)
        right = ax * v - ay * u
        left = bx * v - by * u
        if beyond < 0 or left > 0 or right < 0:
            answers.append("OUT")
        elif beyond == 0 or (low == 1 and right == 0) or (low == n - 2 and left == 0):
            answers.append("ON")
        else:
            answers.append("IN")
    print("\n".join(answers))


main()
