# class: idiom
# about: Searches until its time is nearly over, as heuristic solutions do
# case: ["4\n", "done"]
import time

begin = time.time()
while time.time() - begin < 0.1:
    pass
time.sleep(0.05)
print("done")
