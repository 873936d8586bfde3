# class: idiom
# about: Warnings and logs on standard error
# case: ["7\n", "49"]
import logging
import sys
import warnings

warnings.warn("careful")
logging.warning("more care")
sys.stderr.write("debug\n" * 100)
print(int(input()) ** 2)
