from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from sdpo_baselines.reprompt import FeedbackUse, RepromptOptions, Templates, Used, reprompt
from sdpo_baselines.samples import Sample, batch_figures, make_samples
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import PolicyError, Request
from sdpo_gym.rollout import Attempt, Group, Turn
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Status, Verdict

CHAT = (Message("user", "What is 6 x 7?"),)
TASK = Task("t", CHAT, {}, {})
OPTIONS = RepromptOptions(
    templates=Templates(solution="|S:{body}", feedback="|F:{body}", closing="|!", cut="<{count}>")
)


class Policy:
    """Renders a chat as one token per character."""

    def __init__(self, context: int | None = None, refuses: str = "nothing") -> None:
        text_config = SimpleNamespace(max_position_embeddings=context)
        self.model = SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: text_config))
        self.refuses = refuses

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        text = "".join(f"<{m.role}>{m.content}" for m in messages) + "<assistant>"
        if self.refuses in text:
            raise PolicyError("the template refuses this chat", permanent=True)
        return tuple(map(ord, text))


def turn(kind: str, index: int, number: int = 0, chat: tuple[Message, ...] = CHAT, **completion) -> Turn:
    """s: a success; f: a failure with feedback; x: the judge was out; p: the policy was out."""
    verdict = {
        "s": Verdict(1.0, "", Status.PASSED, "accepted"),
        "f": Verdict(0.25, f"feedback {index}", Status.FAILED, "wrong"),
    }.get(kind)
    answer = None
    if kind != "p":
        ids = (1000 + index, 1001 + number, 7)  # no tokens of the text: it must not be tokenised again
        fields = {"prompt_token_ids": (900, 901 + number), "token_ids": ids, "logprobs": (-0.1, -0.2, -0.3)}
        answer = Completion(f"answer {index}", **(fields | completion))
    error = None if verdict else "down"
    request = Request(chat, "t", index, number)
    return Turn(TASK.digest, request, answer, verdict, error, verdict is not None, 0.0, 0.0)


def group(*attempts: str) -> Group:
    """One string per attempt, one letter per turn."""
    return Group(
        TASK,
        tuple(
            Attempt(TASK.digest, i, tuple(turn(kind, i, number) for number, kind in enumerate(kinds)))
            for i, kinds in enumerate(attempts)
        ),
    )


def samples(*groups: Group, options: RepromptOptions | None = OPTIONS, policy: Policy | None = None) -> list[Sample]:
    return make_samples(groups, policy or Policy(), options, random.Random(0))


def asked(sample: Sample) -> str | None:
    return None if sample.teacher_prompt is None else "".join(map(chr, sample.teacher_prompt))


def test_samples_hold_what_was_sampled() -> None:
    first, second = samples(group("s"), group("f"), options=None)
    assert first == Sample(0, 0, (900, 901), (1000, 1001, 7), (-0.1, -0.2, -0.3), 1.0, True)
    assert second == Sample(1, 0, (900, 901), (1000, 1001, 7), (-0.1, -0.2, -0.3), 0.25, False)


def test_teachers_are_asked_by_the_reprompt_table() -> None:
    made = samples(group("s", "f", "x"), group("f", "f"), group("s"))
    assert [(s.group, s.attempt, s.teacher_used) for s in made] == [
        (0, 0, Used.NOTHING),
        (0, 1, Used.SOLUTION),
        (0, 2, Used.SOLUTION),
        (1, 0, Used.FEEDBACK),
        (1, 1, Used.FEEDBACK),
        (2, 0, Used.NOTHING),
    ]
    assert asked(made[1]) == "<user>What is 6 x 7?|S:answer 0|!<assistant>"
    assert asked(made[4]) == "<user>What is 6 x 7?|F:feedback 1|!<assistant>"
    assert made[0].teacher_prompt is made[5].teacher_prompt is None  # nothing more than the question: nothing to learn


def test_demonstrations_are_drawn_from_the_given_generator() -> None:
    many = group(*"ssssssff")
    expected = [r.messages for r in reprompt(many, OPTIONS, random.Random(3))]
    made = make_samples([many], Policy(), OPTIONS, random.Random(3))
    assert [s.teacher_prompt for s in made] == [Policy().render(messages) for messages in expected]
    assert len({s.teacher_prompt for s in made}) > 1


def test_outages() -> None:
    made = samples(group("x", "p", "s", "fp", "fx"))
    assert [s.attempt for s in made] == [0, 2, 4]  # without a completion in its last turn an attempt is no sample
    assert [s.reward for s in made] == [None, 1.0, None]
    assert not made[0].passed
    assert made[0].teacher_used is Used.SOLUTION  # a sibling's: SDPO may keep it
    lonely = samples(group("x", "x"))
    assert [(s.reward, s.teacher_prompt) for s in lonely] == [(None, None), (None, None)]


def test_of_several_turns_the_last_is_the_sample() -> None:
    longer = (*CHAT, Message("assistant", "41"), Message("user", "too small"))
    last = turn("f", 0, 1, longer)
    (made,) = samples(Group(TASK, (Attempt(TASK.digest, 0, (turn("f", 0), last)),)))
    assert made.prompt == (900, 902)
    assert made.tokens == (1000, 1002, 7)
    assert asked(made) == "<user>What is 6 x 7?<assistant>41<user>too small|F:feedback 0|!<assistant>"


@pytest.mark.parametrize("missing", ["prompt_token_ids", "token_ids"])
def test_a_policy_without_token_ids_is_refused(missing) -> None:
    bare = Group(TASK, (Attempt(TASK.digest, 0, (turn("s", 0, **{missing: None}),)),))
    with pytest.raises(UsageError, match="'token_ids'"):
        samples(bare, options=None)


def test_log_probabilities_may_be_unknown() -> None:
    (made,) = samples(Group(TASK, (Attempt(TASK.digest, 0, (turn("s", 0, logprobs=None),)),)))
    assert made.logprobs is None


def test_a_refused_chat_is_no_teacher(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        made = samples(group("f", "f"), policy=Policy(refuses="feedback 1"))
    assert [s.teacher_used for s in made] == [Used.FEEDBACK, Used.NOTHING]
    assert [s.teacher_lost for s in made] == [False, True]
    assert made[1].teacher_prompt is None
    assert "1 of 2 attempts have no teacher" in caplog.text
    assert "task t, attempt 1: the template refuses" in caplog.text


def test_a_chat_that_exceeds_the_context_is_no_teacher(caplog) -> None:
    chat = "<user>What is 6 x 7?|F:feedback 0|!<assistant>"
    (fits,) = samples(group("f"), policy=Policy(context=len(chat) + 3))
    assert asked(fits) == chat
    assert not caplog.text
    (lost,) = samples(group("f"), policy=Policy(context=len(chat) + 2))
    assert lost.teacher_prompt is None
    assert lost.teacher_lost
    assert (
        f"prompt of {len(chat)} tokens and the answer of 3 exceed the model's context of {len(chat) + 2}" in caplog.text
    )


def test_budgets_are_in_rendered_tokens() -> None:
    frame = len("<user>What is 6 x 7?|F:|!<assistant>")
    options = RepromptOptions(templates=OPTIONS.templates, budget=frame + len("feed<6>"))
    (made,) = samples(group("f"), options=options)
    assert asked(made) == "<user>What is 6 x 7?|F:feed<6>|!<assistant>"
    assert made.cut == 6
    with pytest.raises(UsageError, match="smaller than the frame"):
        samples(group("f"), options=RepromptOptions(templates=OPTIONS.templates, budget=5))
    # a template that refuses while lengths are measured: only that attempt has no teacher
    made = samples(group("f", "f"), options=options, policy=Policy(refuses="feedback 1"))
    assert [s.teacher_lost for s in made] == [False, True]
    made = samples(group("f", "f"), options=options, policy=Policy(refuses="What"))
    assert [s.teacher_lost for s in made] == [True, True]


def test_figures_of_a_batch() -> None:
    cut = turn("f", 1, finish_reason=FinishReason.LENGTH, token_ids=(1,) * 7)
    mixed = Group(TASK, (Attempt(TASK.digest, 0, (turn("s", 0),)), Attempt(TASK.digest, 1, (cut,))))
    options = RepromptOptions(templates=OPTIONS.templates, feedback=FeedbackUse.ALWAYS)
    made = samples(mixed, group("f", "x"), group("x"), options=options)
    assert batch_figures(made) == {
        "reprompt_fraction": 2 / 5,
        "feedback_used_fraction": 2 / 5,
        "solution_used_fraction": 1 / 5,
        "success_fraction": 1 / 3,
        "success_group_fraction": 1 / 3,
        "length_mean": (3 + 7 + 3 + 3 + 3) / 5,
        "truncated_fraction": 1 / 5,
        "errored_fraction": 2 / 5,
        "teacher_lost_fraction": 0.0,
        "cut_characters": 0.0,
    }
    assert set(batch_figures([]).values()) == {0.0}
    lost = samples(group("f"), policy=Policy(refuses="feedback"))
    assert batch_figures(lost)["teacher_lost_fraction"] == 1.0
    assert batch_figures(lost)["feedback_used_fraction"] == 0.0
