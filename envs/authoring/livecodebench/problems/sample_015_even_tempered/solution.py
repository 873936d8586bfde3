from functools import cache


@cache
def endings(places, balance):
    """Ways to fill the last `places` digits such that they add `-balance` to (odd sum - even sum)."""
    if places == 0:
        return int(balance == 0)
    sign = 1 if places % 2 else -1
    return sum(endings(places - 1, balance + sign * digit) for digit in range(10))


def up_to(top):
    """Even-tempered integers from 0 to top - 1."""
    total = balance = 0
    digits = str(top)
    for index, char in enumerate(digits):
        places = len(digits) - index
        sign = 1 if places % 2 else -1
        for digit in range(int(char)):
            total += endings(places - 1, balance + sign * digit)
        balance += sign * int(char)
    return total


low, high = map(int, input().split())
print(up_to(high + 1) - up_to(low))
