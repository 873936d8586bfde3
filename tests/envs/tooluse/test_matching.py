from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.tooluse.calls import Call
from sdpo_envs.tooluse.documentation import parse_documentation
from sdpo_envs.tooluse.matching import CallDifference, Difference, compare, same_value
from tooluse_tasks import PROMPT, real_tasks

TOOLS = parse_documentation(PROMPT)
A, B, C = Call("[v2]list.beds", {}), Call("add-plant", {"bed": 3, "name": "fern"}), Call("other", {"x": [1]})


def compared(calls: list[Call], gold: list[Call], *, ordered: bool = True) -> Difference:
    return compare(calls, gold, TOOLS, ordered=ordered)


@pytest.mark.parametrize(
    ("tool", "name", "equal", "different"),
    [
        (
            "add-plant",
            "bed",
            [(3, 3.0), (3, "3"), ("3", 3.0), (2**70, str(2**70))],
            [(1, True), (3, "three"), (3, "3.5")],
        ),
        ("add-plant", "depth", [(0.5, "0.5"), (100, "1e2")], [(0.5, 0.25), ("", 0), (0, False), (0, None), (1, [1])]),
        (
            "add-plant",
            "name",
            [("5", 5), ("1.5", 1.5)],
            [("5", 5.0), ("true", True), ("", None), ("a", "A"), ("a", "a ")],
        ),
        (
            "add-plant",
            "water",
            [(True, "true"), (False, "false")],
            [(True, 1), (True, "True"), (False, 0), (False, "")],
        ),
        ("setLabels", "labels", [(["a", "1"], ["a", 1])], [(["a", "b"], ["b", "a"]), (["a"], "a"), ([], None)]),
        ("setLabels", "sizes", [([1, 2], ["1", 2.0])], [([1], [True])]),
        (
            "setLabels",
            "style",
            [({"a": 1, "b": [{}]}, {"b": [{}], "a": 1.0})],
            [({"a": 1}, {"a": "1"}), ({"a": 1}, {"a": True}), ({"a": None}, {}), ({}, [])],
        ),
        ("setLabels", "when", [(1, 1.0), (None, None)], [(1, "1"), (1, True), (0, False), ("", None), ([], {})]),
        ("undocumented", "x", [(1, 1.0), ([1], [1.0])], [(1, "1"), (1, True), ([1], [True]), ({"a": 1}, {"a": True})]),
    ],
)
def test_values_are_compared_under_the_documented_type(
    tool: str, name: str, equal: list[tuple[Any, Any]], different: list[tuple[Any, Any]]
) -> None:
    known = TOOLS.get(tool)
    for first, second in equal:
        assert same_value(first, second, known, name), (first, second)
        assert same_value(second, first, known, name), (first, second)
    for first, second in different:
        assert not same_value(first, second, known, name), (first, second)
        assert not same_value(second, first, known, name), (first, second)


def test_names_of_wrong_missing_and_extra_arguments_are_told() -> None:
    call = Call("add-plant", {"bed": "4", "colour": 1, "light": "sun"})
    gold = Call("add-plant", {"bed": 3, "name": "fern", "light": "sun"})
    assert compared([call], [gold]).calls == (
        CallDifference(1, 1, missing=("name",), extra=("colour",), wrong=("bed",)),
    )


@pytest.mark.parametrize("ordered", [True, False])
def test_arguments_belong_to_their_call(ordered: bool) -> None:
    gold = [Call("f", {"a": 1}), Call("g", {"b": 2})]
    swapped = [Call("f", {"b": 2}), Call("g", {"a": 1})]
    assert compared(gold, gold, ordered=ordered).none
    assert not compared(swapped, gold, ordered=ordered).none
    twice = [Call("f", {"a": 1}), Call("f", {"a": 2})]
    assert not compared([twice[1], twice[1]], twice, ordered=ordered).none


def test_order_counts_only_where_it_is_asked_for() -> None:
    assert compared([A, B], [B, A], ordered=False).none
    difference = compared([A, B], [B, A])
    assert not difference.none
    assert difference.only_order
    assert not compared([A, C], [B, A]).only_order


@pytest.mark.parametrize("ordered", [True, False])
def test_too_many_and_too_few(ordered: bool) -> None:
    more = compared([C, A, B], [A, B], ordered=ordered)
    assert [(c.call, c.gold) for c in more.calls if not c.right] == [(1, None)]
    assert (more.answered, more.wanted) == (3, 2)
    assert more.tools_right == more.calls_right == pytest.approx(2 / 3)
    fewer = compared([B], [A, B], ordered=ordered)
    assert [(c.call, c.gold) for c in fewer.calls if not c.right] == [(None, 1)]
    assert not compared([], [A], ordered=ordered).none
    assert not compared([A, A], [A], ordered=ordered).none


def test_a_flood_of_calls_is_compared_all_the_same() -> None:
    difference = compared([A] * 5000, [B, A])
    assert difference.answered == len([c for c in difference.calls if c.call is not None]) == 5000
    assert not difference.none


call_lists = st.lists(
    st.builds(Call, st.sampled_from("fgh"), st.dictionaries(st.sampled_from("ab"), st.integers(0, 1))), max_size=4
)


@pytest.mark.slow
@given(call_lists, call_lists)
def test_right_is_what_equality_says(calls: list[Call], gold: list[Call]) -> None:
    assert compared(calls, gold).none == (calls == gold)
    any_order = any(list(order) == gold for order in itertools.permutations(calls))
    assert compared(calls, gold, ordered=False).none == any_order
    for ordered in (True, False):
        difference = compared(calls, gold, ordered=ordered)
        numbers = [c.call for c in difference.calls if c.call is not None]
        golden = [c.gold for c in difference.calls if c.gold is not None]
        assert sorted(numbers) == list(range(1, len(calls) + 1))
        assert sorted(golden) == list(range(1, len(gold) + 1))
        assert 0 <= difference.calls_right <= difference.tools_right <= 1
        assert difference.only_order == (ordered and any_order and calls != gold)


def test_a_placeholder_in_gold_stands_for_any_value() -> None:
    gold = [
        Call("add-plant", {"bed": "${bed from list.beds}", "name": "fern"}),
        Call("other", {"ids": ["${id", "${b}"]}),
    ]
    answer = [Call("add-plant", {"bed": 7, "name": "fern"}), Call("other", {"ids": [1]})]
    for ordered in (True, False):
        assert compared(answer, gold, ordered=ordered).none
    assert not compared([Call("add-plant", {"name": "fern"}), answer[1]], gold).none
    assert not compared(answer, [Call("add-plant", {"bed": "a ${bed}", "name": "fern"}), gold[1]]).none
    assert not compared(gold, answer).none  # in an answer it stands for itself


def test_the_papers_test_tasks_have_no_placeholder() -> None:
    assert not any("${" in task.payload["answer"] for task in real_tasks())


@pytest.mark.parametrize("ordered", [True, False])
def test_numbers_of_one_hash_do_not_make_it_slow(ordered: bool) -> None:
    prime = 2**61 - 1  # of which all multiples have the hash 0
    calls = [Call("other", {"x": prime * factor}) for factor in range(20_000)]
    started = time.process_time()
    assert not compared(calls, [A, B], ordered=ordered).only_order
    assert time.process_time() - started < 10  # a quadratic step takes minutes
