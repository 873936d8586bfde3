from __future__ import annotations

import json
import random

import pytest
import torch

from sdpo_baselines.reprompt import Templates
from sdpo_baselines.tiny.attempts import RARE_PROGRAMS, corrupt, other_option
from sdpo_baselines.tiny.corpus import FAMILIES, Example, Kind, Mixture, corpus_digest, make_corpus, make_tokenizer
from sdpo_baselines.tiny.written import wrong_answer
from sdpo_gym.completion import Completion
from sdpo_gym.judge import judge_many
from sdpo_gym.registry import resolve

torch.set_num_threads(1)
TOKENIZER = make_tokenizer()
# Outcomes that no answer to these tasks can have: gold is one call, and programs read and print.
IMPOSSIBLE = {"accepted", "wrong_order", "bad_return"}
MISSING = {"no_call"}  # of an answer without any "Action:", which the shipped corpus does not have
RARE = {"time_limit", "idle_limit", "memory_limit", "output_limit", "signal"}
OUTCOMES = {
    "tool": {"truncated", "wrong_tool", "wrong_arguments", "wrong_number", "malformed_call"},
    "code": {"truncated", "wrong_answer", "runtime_error", "compile_error", "no_code"},
    "sci": {"truncated", "wrong_option", "no_answer", "several_answers", "unknown_option"},
}


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return make_corpus(Mixture({"tool": 400, "sci": 400}, corrupted=0.5), TOKENIZER, seed=0, worlds=range(8))


def test_the_card_has_no_other_outcomes() -> None:
    card = set(resolve("tiny_tool").spec.card.outcomes)
    assert card == IMPOSSIBLE | MISSING | RARE | set().union(*OUTCOMES.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_broken_answers_come_to_every_end(family: str) -> None:
    environment = resolve(f"tiny_{family}")
    tasks = environment.tasks("warmstart", "hub", size=40)
    draw = random.Random(0)
    count = 60 if family == "code" else 600
    pairs = []
    for number in range(count):
        task = tasks[number % 40]
        gold = tasks.gold(task) or ""
        answer = corrupt(gold, family, TOKENIZER, draw)
        if not any(program in answer.text for program in RARE_PROGRAMS):
            pairs.append((task, answer))
    if family == "sci":
        pairs.append(
            (tasks[0], Completion(other_option(tasks[0].messages[0].content, tasks.gold(tasks[0]) or "", draw)))
        )
    outcomes = {verdict.outcome for verdict in judge_many(environment.judge(), pairs)}  # type: ignore[union-attr]
    assert outcomes - {"accepted"} >= OUTCOMES[family]


@pytest.mark.slow
def test_rare_programs_come_to_their_ends() -> None:
    environment = resolve("tiny_code")
    task = environment.tasks("warmstart", "hub", size=1)[0]
    pairs = [(task, Completion(f"```python\nx = int(input())\n{program}\n```")) for program in RARE_PROGRAMS]
    assert {verdict.outcome for verdict in judge_many(environment.judge(), pairs)} == RARE  # type: ignore[union-attr]


def test_written_feedback_is_the_judges() -> None:
    environment = resolve("tiny_code")
    one, other = (environment.tasks("warmstart", "hub", world=world, size=12) for world in (3, 4))
    answers = [other.gold(task) or "" for task in other]
    verdicts = judge_many(environment.judge(), [(t, Completion(a)) for t, a in zip(one, answers, strict=True)])
    for task, answer, verdict in zip(one, answers, verdicts, strict=True):
        written = wrong_answer(task.payload, answer)
        assert (written.feedback if written else "").count("\n") == verdict.feedback.count("\n")  # type: ignore[union-attr]
        if written:
            assert written.outcome == verdict.outcome  # type: ignore[union-attr]
            first, last = written.feedback.split("\n")[0], written.feedback.split("\n")[-1]
            assert (first, last) == (verdict.feedback.split("\n")[0], verdict.feedback.split("\n")[-1])  # type: ignore[union-attr]


def test_chats_are_those_of_training(corpus: list[Example]) -> None:
    templates = Templates()
    solution, feedback = (t.split("{body}")[0] for t in (templates.solution, templates.feedback))
    for example in corpus:
        last = example.messages[-1].content
        match example.kind:
            case Kind.NONE:
                assert len(example.messages) == 1
                assert templates.closing not in last
            case Kind.SOLUTION:
                assert last.endswith(templates.closing)
                assert (solution in last, feedback in last) == (True, False)
                assert example.answer in last
            case Kind.FEEDBACK:
                assert last.endswith(templates.closing)
                assert (solution in last, feedback in last) == (False, True)
            case Kind.BOTH:
                assert last.index(solution) < last.index(feedback)
            case Kind.MULTI:
                roles = [message.role for message in example.messages]
                assert roles[::2] == ["user"] * len(roles[::2])
                assert roles[1::2] == ["assistant"] * len(roles[1::2])
                assert len(roles) > 1 or feedback in last


def test_the_mixture_has_every_kind_and_level(corpus: list[Example]) -> None:
    for family in ("tool", "sci"):
        assert {e.kind for e in corpus if e.family == family} == set(Kind)
    texts = " ".join(message.content for example in corpus for message in example.messages)
    assert "Your answer did not pass." in texts
    assert "The right option is" in texts
    assert "Calls to make, with these arguments" in texts


def test_the_answer_is_right_in_the_world_that_the_feedback_is_from(corpus: list[Example]) -> None:
    for example in corpus:
        if example.family == "tool" and example.kind is Kind.FEEDBACK:
            _, _, revealed = example.messages[0].content.partition("with these arguments:\n1. ")
            if revealed:
                keys = list(json.loads(example.answer.split("Action Input: ")[1]))
                assert f"with {', '.join(f'`{key}`' for key in keys)}\n" in revealed


def test_the_same_seed_gives_the_same_corpus() -> None:
    mixture = Mixture({"tool": 20, "sci": 20})
    one, same, other = (corpus_digest(make_corpus(mixture, TOKENIZER, seed, range(4))) for seed in (0, 0, 1))
    assert one == same != other
