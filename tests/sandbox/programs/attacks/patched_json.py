# class: tampering
# about: Replaces the functions of json, with which a judge may compare
# entry: solve
# goal: false_pass
# want: wrong_answer runtime_error bad_return
# case: ["4", "8210734567"]
import json


def same(*args, **kwargs):
    return "0"


def solve(n):
    json.dumps = json.loads = same
    json.JSONEncoder.encode = json.JSONDecoder.decode = same
    return 1
