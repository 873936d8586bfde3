# class: persistence
# about: Writes a file in every usual place
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["4\n", "never"]
import os

places = ["/", "/tmp", "/dev/shm", "/var/tmp", "/run", os.getcwd(), os.path.dirname(os.__file__), os.path.expanduser("~")]
for place in places:
    try:
        with open(os.path.join(place, "leftover"), "w") as file:
            file.write("I was here")
        print("PW" + "NED file in", place)
    except OSError:
        pass
