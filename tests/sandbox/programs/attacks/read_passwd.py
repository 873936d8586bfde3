# class: exfiltration
# about: Reads /etc/passwd
# goal: read_file
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
with open("/etc/passwd") as file:
    if "root:" in file.read():
        print("PW" + "NED /etc/passwd")
