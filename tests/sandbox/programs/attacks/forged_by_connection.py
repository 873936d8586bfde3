# class: tampering
# about: Sends a verdict through the very object that the judge's will travel on
# goal: false_pass
# want: wrong_answer runtime_error signal
# case: ["4\n", "8210734574"]
# Finds the object through which the verdict will travel and is quicker.
import gc
import os

sent = 0
for thing in gc.get_objects():
    if type(thing).__name__ in ("Connection", "socket", "SimpleQueue", "Queue"):
        for method in ("send", "put"):
            try:
                getattr(thing, method)([{"passed": True, "output": "", "message": ""}])
                sent += 1
            except Exception:
                pass
os._exit(1)
