from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.tooluse.calls import Call, write_answer
from sdpo_envs.tooluse.judge import make_judge
from sdpo_envs.tooluse.prompts import render_prompt
from sdpo_envs.tooluse.source import CARD
from sdpo_gym import Completion, JudgeError, Message, Status, Task, Verdict
from sdpo_gym.completion import FinishReason
from sdpo_gym.errors import UsageError
from shared_data import shared
from tooluse_tasks import PROMPT, gold_answer, gold_of, make_task, real_tasks

GOLD = (Call("add-plant", {"bed": 3, "name": "fern"}), Call("[v2]list.beds", {}))
TASK = make_task(GOLD)
ANSWER = write_answer(GOLD)


def judged(text: str, task: Task = TASK, cut: bool = False, **options: Any) -> Verdict:
    verdict = make_judge(**options)(task, Completion(text, FinishReason.LENGTH if cut else FinishReason.STOP))
    CARD.check(verdict)
    json.dumps(dict(verdict.detail), allow_nan=False)
    assert verdict.reward == verdict.scores["score"] == float(verdict.passed)
    return verdict


@pytest.mark.parametrize("match", ["ordered", "unordered"])
def test_every_real_gold_reply_passes(match: str) -> None:
    assert len(real_tasks()) == 68
    for task in real_tasks():
        verdict = judged(gold_answer(task), task, match=match)
        assert verdict.passed, (task.id, verdict.feedback)
        assert set(verdict.scores.values()) == {1.0}


@pytest.mark.parametrize(
    ("text", "status", "outcome"),
    [
        (ANSWER, Status.PASSED, "accepted"),
        (ANSWER + "\nFinal Answer: done", Status.PASSED, "accepted"),
        (ANSWER.replace("3", '"3"'), Status.PASSED, "accepted"),
        (ANSWER.replace("add-plant", "setLabels"), Status.FAILED, "wrong_tool"),
        (ANSWER.replace("add-plant", "add_plant"), Status.FAILED, "wrong_tool"),
        (ANSWER.replace("fern", "Fern"), Status.FAILED, "wrong_arguments"),
        (ANSWER.replace("3", "true"), Status.FAILED, "wrong_arguments"),
        (write_answer(GOLD[:1]), Status.FAILED, "wrong_number"),
        (write_answer([*GOLD, GOLD[1]]), Status.FAILED, "wrong_number"),
        (write_answer(GOLD[::-1]), Status.FAILED, "wrong_order"),
        ("", Status.BAD_FORMAT, "no_call"),
        ("Action add-plant", Status.BAD_FORMAT, "no_call"),
        (ANSWER.replace("fern", "'fern"), Status.FAILED, "wrong_arguments"),
        (ANSWER.replace('"fern"', "'fern'"), Status.BAD_FORMAT, "malformed_call"),
        (ANSWER + "\nand so on", Status.BAD_FORMAT, "malformed_call"),
        (ANSWER + "\nAction: add-plant", Status.BAD_FORMAT, "malformed_call"),
        (ANSWER + "\nAction: add-plant\nAction Input: {bad}", Status.BAD_FORMAT, "malformed_call"),
    ],
)
def test_outcomes(text: str, status: Status, outcome: str) -> None:
    verdict = judged(text)
    assert (verdict.status, verdict.outcome) == (status, outcome)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", "truncated"),
        ("Thought: I think of Action: f, and", "truncated"),
        ("Action: add-plant", "truncated"),
        ('Action: add-plant\nAction Input: {"bed": 3, "na', "truncated"),
        (write_answer(GOLD[:1]), "wrong_number"),
        (write_answer(GOLD[:1]) + '\nAction: [v2]list.beds\nAction Input: {"x', "malformed_call"),
        ("Action: f\nAction Input: {'a': 1}\nThought: and", "malformed_call"),
        (ANSWER, "accepted"),
        (ANSWER + "\nThought: and so", "accepted"),
    ],
)
def test_a_cut_answer_is_judged_by_what_there_is(text: str, outcome: str) -> None:
    verdict = judged(text, cut=True)
    assert verdict.outcome == outcome
    assert (verdict.status is Status.TRUNCATED) == (outcome == "truncated")
    assert verdict.detail["answer_cut"] is True


def test_scores_tell_how_much_is_right() -> None:
    half = judged(ANSWER.replace("fern", "moss")).scores
    assert half == {"score": 0.0, "well_formed": 1.0, "tools_right": 1.0, "calls_right": 0.5}
    assert judged(ANSWER + "\njunk").scores["well_formed"] == 0.0


def test_detail_records_calls_problems_and_differences() -> None:
    detail = judged('Action: add-plant\nAction Input: {"bed": 4, "x": 1}\njunk').detail
    assert detail["calls"] == [{"Action": "add-plant", "Action_Input": '{"bed": 4, "x": 1}'}]
    assert detail["problems"] == [{"kind": "text_after_calls", "line": 3, "excerpt": "junk"}]
    assert detail["differences"][0] == {
        "call": 1,
        "gold": 1,
        "tool_wrong": False,
        "missing": ["name"],
        "extra": ["x"],
        "wrong": ["bed"],
    }
    assert detail["differences"][1]["call"] is None
    huge = judged(write_answer([Call("f" * 10**5, {"a": "b" * 10**5})] * 50)).detail
    assert len(json.dumps(dict(huge))) < 200_000


def test_the_paper_s_rule_decides_where_it_is_asked_for() -> None:
    garbage = ANSWER.replace("add-plant", "f") + "\nAction Input: {junk"
    task = make_task((Call("f", {"bed": 3, "name": "fern"}), Call("g", {})))
    text = garbage.replace("[v2]list.beds", "g")
    assert judged(text, task).outcome == "malformed_call"
    accepted = judged(text, task, match="paper")
    assert accepted.passed
    assert accepted.scores["well_formed"] == 0.0
    assert accepted.detail["paper_format_ok"] is True
    assert judged("Action: h\nAction Input: {}", task, match="paper").outcome == "wrong_number"
    assert judged("", task, match="paper").status is Status.BAD_FORMAT


def test_gold_that_cannot_be_read_is_an_outage_and_no_zero() -> None:
    for answer in ("?", "[]", '[{"Action": "f", "Action_Input": "[1]"}]', '[{"Action": 1}]', None, "[" * 10**5):
        task = Task("odd", (Message("user", PROMPT),), {"answer": answer}, {})
        for match in ("ordered", "unordered", "paper"):
            with pytest.raises(JudgeError, match="cannot judge task odd"):
                judged("Action: f", task, match=match)


def test_gold_stored_as_a_list_is_read_too() -> None:
    stored = [{"Action": "[v2]list.beds", "Action_Input": "{}"}]
    task = Task("list", (Message("user", PROMPT),), {"answer": stored}, {})
    assert judged(write_answer(GOLD[1:]), task).passed


@pytest.mark.parametrize("options", [{"match": "exact"}, {"reveal": "all"}, {"feedback_chars": 799}])
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_judge(**options)


def test_exact_matches_of_the_shared_calls_pass_and_no_call_judged_wrong_does() -> None:
    """Of 104 real answers, 68 have readable gold calls: on these the judge says exactly what the data say."""
    test = {int(task.id.removeprefix("tooluse-")): task for task in real_tasks()}
    with shared("tooluse/toolalpaca_eval_simulated.json").open(encoding="utf-8") as file:
        apis = {api["Name"]: api for api in json.load(file)}
    with shared("tooluse/toolalpaca_calls_vs_gold.dev.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    seen: Counter[str] = Counter()
    for row in rows:
        api = apis[row["api"]]
        prompt = render_prompt(api["Name"], api["Description"], api["NLDocumentation"], row["instruction"])
        if row["golden_answer"] is not None:
            answer = json.dumps(row["golden_answer"])
        elif row["sdpo_test_idx"] is not None:
            answer = test[row["sdpo_test_idx"]].payload["answer"]
        else:
            answer = ""
        task = Task("real", (Message("user", prompt),), {"answer": answer}, {})
        try:
            gold_of(task)
        except ValueError:  # gold with placeholders that are no JSON: nobody can match it exactly
            assert row["exact_ordered_match"] is False
            seen["without readable gold"] += 1
            continue
        text = "\n".join(f"Action: {c['Action']}\nAction Input: {c['Action_Input']}" for c in row["predicted_calls"])
        verdict = judged(text, task)
        assert verdict.passed == row["exact_ordered_match"], row
        assert verdict.status is not Status.BAD_FORMAT
        opinions = {row["gpt4_process_correctness"], row["gpt4_final_response_correctness"]}
        assert not (verdict.passed and opinions != {"Yes"})
        seen["passed" if verdict.passed else "judged wrong" if "No" in opinions else "other"] += 1
    assert seen == {"passed": 44, "judged wrong": 9, "other": 15, "without readable gold": 36}


NEAR_MISSES = [
    "Action: add-plant\n", "Action: [v2]list.beds\n", 'Action Input: {"bed": 3, "name": "fern"}\n',
    "Action Input: {}\n",
    "Thought: t\n", "```\n", "junk\n", "Action Input:", "{", "}", "'", "\n", "</think>", "\ud800", "1e999", "[" * 2000,
]  # fmt: skip


@pytest.mark.slow
@given(st.text(), st.lists(st.sampled_from(NEAR_MISSES), max_size=10), st.booleans())
def test_any_answer_gets_a_verdict_that_keeps_to_the_card(text: str, pieces: list[str], cut: bool) -> None:
    for answer in (text, "".join(pieces), ANSWER + text, f"Action: add-plant\nAction Input: {text}"):
        for match in ("ordered", "unordered", "paper"):
            verdict = judged(answer, cut=cut, match=match)
            again = judged(answer, cut=cut, match=match)
            assert verdict == again


def test_answers_that_count_as_the_same_are_recorded_as_one() -> None:
    def answer(text: str, **options: Any) -> Any:
        return judged(text, **options).detail["answer"]

    same = [ANSWER, ANSWER.replace("3", "3.0"), ANSWER.replace("3", '"3"'), ANSWER + "\nFinal Answer: done"]
    assert len({answer(text) for text in same}) == 1
    others = [ANSWER.replace("fern", "Fern"), ANSWER.replace("3", "true"), write_answer(GOLD[:1]), ANSWER]
    assert len({answer(text) for text in others}) == 4
    swapped = write_answer([Call("add-plant", {"name": "fern", "bed": 3}), GOLD[1]])
    assert answer(swapped) == answer(ANSWER)
    turned = write_answer(GOLD[::-1])
    assert answer(turned, match="ordered") != answer(ANSWER, match="ordered")
    assert answer(turned, match="unordered") == answer(ANSWER, match="unordered")
    assert answer("no call") is None
