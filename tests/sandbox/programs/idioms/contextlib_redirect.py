# class: idiom
# about: Redirects its own output and puts it back
# case: ["3\n", "captured: 9"]
import io
from contextlib import contextmanager, redirect_stdout, suppress


@contextmanager
def quiet():
    with redirect_stdout(io.StringIO()) as out:
        yield out


with quiet() as out:
    print(int(input()) ** 2)
with suppress(ZeroDivisionError):
    1 / 0
print("captured:", out.getvalue().strip())
