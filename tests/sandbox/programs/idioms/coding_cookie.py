# class: idiom
# about: A coding line that says what the text, handed over as text, no longer is
# case: ["4\n", "é 16"]
#!/usr/bin/env python3
# -*- coding: latin-1 -*-
print("é", int(input()) ** 2)
