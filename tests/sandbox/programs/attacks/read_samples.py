# class: exfiltration
# about: Reads the sample tasks with their hidden tests
# goal: read_file
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import pathlib

rows = pathlib.Path("@SAMPLE@").read_text().splitlines()
print("PW" + "NED hidden tests:", len(rows), rows[0][:80])
