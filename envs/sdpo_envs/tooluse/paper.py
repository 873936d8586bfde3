"""The reference's rule (SDPO's tool-use reward), written anew from its description, for comparable figures only."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sdpo_envs.tooluse.calls import Call

_NAME = re.compile(r"Action:\s*+(\w++)")
_INPUT = re.compile(r"Action Input:\s*+(?=\{)")


def paper_match(text: str, gold: Sequence[Call]) -> tuple[bool, bool]:
    """Return whether the reference gives ``text`` the reward 1, and whether it finds its form right.

    The reward is 1 iff the multiset of tool names is gold's, and so is the merge of all inputs into one dictionary. The
    form is right iff ``Action:`` occurs and ``Action Input:`` somewhere after it; the reward does not ask for that.
    Its faults are kept:

    - T1: an input ends at its first closing brace, so that one with a nested object, or with a brace in a text, is
      never read. The gold replies of two of the 68 test tasks do not pass.
    - T2: a name is read as letters, digits and underscores; what follows a hyphen or a dot is lost, and a name that
      begins with a bracket is none.
    - T3: the merge forgets which call an argument belongs to, and the order; of a repeated name the last value counts.
    - T4: an input that is no JSON is left out, so that garbage beside the right calls does no harm, and gold calls
      without arguments are matched by garbage, or by no input line at all.
    - T5: values are equal as they are in Python: true, 1 and 1.0 are, "1" is not.
    - T6: every ``Action: x`` counts, also one in the midst of a sentence.
    - T7: there, gold calls stored as a list, or with an input that is no object, raise a TypeError. Here a gold input
      that is no object matches nothing.

    It takes linear time.
    """
    format_ok = 0 <= text.find("Action:") < text.rfind("Action Input:")
    if not all(isinstance(call.arguments, dict) for call in gold):
        return False, format_ok
    if Counter(_NAME.findall(text)) != Counter(call.action for call in gold):
        return False, format_ok
    return _merged_inputs(text) == _merge([call.arguments for call in gold]), format_ok


def _merged_inputs(text: str) -> dict[str, Any]:
    inputs = []
    at = 0
    while found := _INPUT.search(text, at):
        end = text.find("}", found.end())
        if end < 0:  # nor is there one after a later label
            break
        at = end + 1
        try:
            given = json.loads(text[found.end() : at])
        except (ValueError, RecursionError):  # T4
            continue
        inputs.append(given)
    return _merge(inputs)


def _merge(inputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for given in inputs:
        merged.update(given)
    return merged
