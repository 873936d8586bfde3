from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, json, resource, sys
from sdpo_gym.sandbox.inside import pages
begin, end = pages._read_only_part()
before = ctypes.string_at(begin, end - begin)
if sys.argv[1] == "small pages":
    true, faults = resource.getrusage, iter(range(0, 10**9, 10**6))
    resource.getrusage = lambda who: type("Usage", (), {"ru_minflt": next(faults)})
moved = pages.put_code_on_huge_pages()
same = ctypes.string_at(begin, end - begin) == before
import decimal, fractions, statistics
works = statistics.mean([fractions.Fraction(1, 3), decimal.Decimal(1) == 1])
found, inside, huge = [], False, 0
for line in open("/proc/self/smaps"):
    key = line.split()[0]
    if not key.endswith(":"):
        low, high = (int(x, 16) for x in key.split("-"))
        inside = low < end and high > begin
        if inside:
            found.append(line.split()[1:2] + line.split()[5:])
    elif inside and key == "AnonHugePages:":
        huge += int(line.split()[1]) << 10
print(json.dumps([moved, same, str(works), found, huge]))
"""
SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def run(how: str) -> list[object]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not SWITCH.exists() or "[never]" in SWITCH.read_text(), reason="this kernel has no huge pages")
def test_code_is_the_same_on_huge_pages():
    moved, same, works, mappings, huge = run("huge pages")
    assert moved == huge > 0
    assert (same, works) == (True, "2/3")
    assert ["r-xp"] in mappings  # of no file, and nobody may write to it


def test_code_stays_where_it_is_if_there_are_only_small_pages():
    moved, same, works, mappings, huge = run("small pages")
    assert (moved, same, works, huge) == (0, True, "2/3", 0)
    assert ["r-xp"] not in mappings
