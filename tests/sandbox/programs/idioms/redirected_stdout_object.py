# class: idiom
# about: Replaces sys.stdout by a StringIO and puts it back
# case: ["3\n", "1 2 3"]
import io
import sys

kept, sys.stdout = sys.stdout, io.StringIO()
for i in range(int(input())):
    print(i + 1)
text = sys.stdout.getvalue()
sys.stdout = kept
print(" ".join(text.split()))
