# class: exfiltration
# about: Looks for task files wherever they may lie
# goal: read_file
# want: runtime_error wrong_answer time_limit signal
# case: ["1\n", "never"]
import os

found = []
for top in ["@PROJECT@", "/home", "/root", "/srv", "/opt"]:
    for directory, _, names in os.walk(top):
        found += [os.path.join(directory, name) for name in names if name.endswith((".jsonl", ".toml", ".json"))]
        if len(found) > 20:
            break
for path in found:
    try:
        with open(path) as file:
            if file.read(10):
                print("PW" + "NED", path)
    except OSError:
        pass
