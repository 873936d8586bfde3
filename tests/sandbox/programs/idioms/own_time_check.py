# class: idiom
# case: ["4\n", "done"]
# Searches until its time is nearly over, as heuristic solutions do.
import time

begin = time.time()
while time.time() - begin < 0.1:
    pass
time.sleep(0.05)
print("done")
