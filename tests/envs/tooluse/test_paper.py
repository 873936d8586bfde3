from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.tooluse.calls import Call, write_answer
from sdpo_envs.tooluse.judge import make_judge
from sdpo_envs.tooluse.paper import paper_match
from sdpo_gym import Completion, Task
from tooluse_tasks import gold_answer, gold_of, make_task, real_tasks


def reward(text: str, *gold: Call) -> bool:
    return paper_match(text, gold)[0]


def default_reward(text: str, *gold: Call) -> bool:
    return make_judge()(make_task(gold), Completion(text)).passed


def repeated_keys(task: Task) -> bool:
    names = [name for call in gold_of(task) for name in call.arguments]
    return len(set(names)) < len(names)


def test_gold_replies_pass_66_of_the_68_real_tasks() -> None:
    failed = [task for task in real_tasks() if not paper_match(gold_answer(task), gold_of(task))[0]]
    assert len(real_tasks()) - len(failed) == 66
    for task in failed:
        assert any(isinstance(value, dict) for call in gold_of(task) for value in call.arguments.values())
    assert sum(call.action.startswith("[") for task in failed for call in gold_of(task)) == 1


def test_eleven_real_tasks_have_repeated_keys() -> None:
    assert sum(map(repeated_keys, real_tasks())) == 11


@pytest.mark.parametrize(
    "arguments", [{"a": {"b": 1}}, {"a": "}"}, {"a": [{}]}], ids=["nested", "brace in a text", "object in a list"]
)
def test_t1_braces_within_braces_are_never_read(arguments: dict[str, object]) -> None:
    gold = Call("f", arguments)
    assert not reward(write_answer([gold]), gold)
    assert default_reward(write_answer([gold]), gold)


def test_t1_an_opening_brace_in_a_text_does_no_harm() -> None:
    gold = Call("f", {"a": "{"})
    assert reward(write_answer([gold]), gold)


@pytest.mark.parametrize("name", ["[Optional]f", "get-it", "get.it", "f[1]"])
def test_t2_names_are_words(name: str) -> None:
    gold = Call(name, {"a": 1})
    assert not reward(write_answer([gold]), gold)
    assert default_reward(write_answer([gold]), gold)


def test_t2_what_follows_the_word_is_lost() -> None:
    assert reward('Action: f-g\nAction Input: {"a": 1}', Call("f", {"a": 1}))
    assert not default_reward('Action: f-g\nAction Input: {"a": 1}', Call("f", {"a": 1}))


def test_t3_association_and_order_are_lost() -> None:
    gold = (Call("f", {"a": 1}), Call("g", {"b": 2}))
    for wrong in (
        (Call("f", {"b": 2}), Call("g", {"a": 1})),  # swapped arguments
        (Call("g", {"b": 2}), Call("f", {"a": 1})),  # wrong order
        (Call("f", {"a": 1, "b": 2}), Call("g", {})),  # all in one
    ):
        assert reward(write_answer(wrong), *gold)
        assert not default_reward(write_answer(wrong), *gold)


def test_t3_of_a_repeated_name_the_last_value_counts() -> None:
    gold = (Call("f", {"a": 1}), Call("f", {"a": 2}))
    assert reward(write_answer((Call("f", {"a": 9}), Call("f", {"a": 2}))), *gold)
    assert not default_reward(write_answer((Call("f", {"a": 9}), Call("f", {"a": 2}))), *gold)
    assert not reward(write_answer((Call("f", {"a": 1}), Call("f", {"a": 9}))), *gold)


def test_t4_what_is_no_json_does_no_harm() -> None:
    gold = Call("f", {"a": 1})
    for more in ("\nAction Input: {'b': 2}", "\nAction Input: {b}", "\nAction Input: none", "\nand so on }}"):
        assert reward(write_answer([gold]) + more, gold)
        assert not default_reward(write_answer([gold]) + more, gold)


def test_t4_gold_without_arguments_is_matched_by_anything() -> None:
    gold = Call("f", {})
    assert paper_match("Action: f", (gold,)) == (True, False)
    assert paper_match("Action: f\nAction Input: {rubbish}", (gold,)) == (True, True)
    assert paper_match("Action Input: {}\nAction: f", (gold,)) == (True, False)
    for text in ("Action: f", "Action: f\nAction Input: {rubbish}"):
        assert not default_reward(text, gold)


def test_t5_values_are_equal_as_in_python() -> None:
    for gold_value in (1, 1.0, True):
        for value in ("1", "1.0", "true"):
            assert reward(f'Action: f\nAction Input: {{"a": {value}}}', Call("f", {"a": gold_value}))
        assert not reward('Action: f\nAction Input: {"a": "1"}', Call("f", {"a": gold_value}))
    assert not default_reward('Action: add-plant\nAction Input: {"bed": true}', Call("add-plant", {"bed": 1}))
    assert default_reward('Action: add-plant\nAction Input: {"bed": "1"}', Call("add-plant", {"bed": 1}))


def test_t6_a_mention_counts_as_a_call() -> None:
    gold = Call("f", {"a": 1})
    text = "Thought: not Action: g, I think.\n" + write_answer([gold])
    assert not reward(text, gold)
    assert default_reward(text, gold)
    assert reward('I could do Action: f with {"a": 1}, so Action Input: {"a": 1}.', gold)


def test_t7_gold_that_is_no_object_matches_nothing() -> None:
    assert paper_match("Action: f\nAction Input: {}", (Call("f", [1]),)) == (False, True)


@pytest.mark.parametrize("change", ["order", "swapped", "earlier", "garbage"])
def test_what_the_reference_accepts_on_real_tasks_gets_nothing_by_default(change: str) -> None:
    judge, paper = make_judge(), make_judge(match="paper")
    tried = 0
    for task in real_tasks():
        gold = gold_of(task)
        if len(gold) < 2 or not paper_match(gold_answer(task), gold)[0]:
            continue
        text = _changed(change, gold)
        if text is None:
            continue
        tried += 1
        assert judge(task, Completion(text)).reward == 0.0, task.id
        assert paper(task, Completion(text)).reward == 1.0, task.id
    assert tried >= {"order": 10, "swapped": 3, "earlier": 8, "garbage": 15}[change]


def _changed(change: str, gold: tuple[Call, ...]) -> str | None:
    """Return an answer that is wrong in this way and that the reference accepts, or None if the task allows none."""
    first, last = gold[0], gold[-1]
    shared_names = {n for n in first.arguments if any(n in other.arguments for other in gold[1:])}
    match change:
        case "garbage":
            return write_answer(gold) + "\nand now for something else }}"
        case "earlier":
            if not shared_names:
                return None
            name = sorted(shared_names)[0]
            return write_answer([Call(first.action, {**first.arguments, name: "wrong"}), *gold[1:]])
        case "order":
            # the merge keeps the last value of a name, so that the order is free where repeated values are the same
            merged: dict[str, object] = {}
            for call in gold[::-1]:
                merged.update(call.arguments)
            right: dict[str, object] = {}
            for call in gold:
                right.update(call.arguments)
            return write_answer(gold[::-1]) if merged == right and gold[::-1] != gold else None
        case _:
            if len(gold) != 2 or shared_names or first.arguments == last.arguments:
                return None
            return write_answer([Call(first.action, last.arguments), Call(last.action, first.arguments)])


def test_the_paper_judge_says_why_it_rejects_a_right_answer() -> None:
    gold = Call("f", {"a": {"b": 1}})
    verdict = make_judge(match="paper")(make_task((gold,)), Completion(write_answer([gold])))
    assert (verdict.reward, verdict.outcome) == (0.0, "paper_fault")
    assert "closing brace" in verdict.feedback


@given(
    st.text(), st.lists(st.sampled_from(["Action:", "Action Input:", "{", "}", '"a": 1', "f", "\n", " ", "[" * 999]))
)
def test_no_text_makes_it_raise(text: str, pieces: list[str]) -> None:
    gold = (Call("f", {"a": 1}),)
    paper_match(text, gold)
    paper_match("".join(pieces), gold)
    assert not reward("Action Input: {" + text, *gold) or "Action:" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["Action:", "Action: ", "Action Input:", "Action Input: {", "Action Input: {}", "Action Input:\n", " ", "a", "{"],
)
def test_a_megabyte_takes_linear_time(piece: str) -> None:
    text = "Action: f\nAction Input: " + piece * (1_000_000 // len(piece))
    started = time.process_time()
    paper_match(text, (Call("f", {}),))
    assert time.process_time() - started < 5
