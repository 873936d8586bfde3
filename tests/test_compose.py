from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdpo_gym import Completion, JudgeError, Message, Status, Task, Verdict, judge_many
from sdpo_gym.compose import ComposedJudge, FirstFailure, Gate, Part, WeightedSum, merge_feedback
from sdpo_gym.errors import UsageError
from toy_env import ToyJudge
from toy_env import tasks as toy_tasks

TASK = Task("t", (Message("user", "?"),), {}, {})
ANSWER = Completion("an answer")

Result = Verdict | JudgeError | ZeroDivisionError


def passed(reward: float = 1.0) -> Verdict:
    return Verdict(reward, "", Status.PASSED, "fine", {"own": reward / 2}, {"note": "p"})


def failed(
    feedback: str = "no good", status: Status = Status.FAILED, reward: float = 0.0, outcome: str = "wrong"
) -> Verdict:
    return Verdict(reward, feedback, status, outcome, {"own": 0.25}, {"note": feedback})


class Fixed:
    """Says the same of everything, at once."""

    score_keys = ("own",)

    def __init__(self, result: Result) -> None:
        self.result = result
        self.asked = self.closed = 0

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        assert (task, completion) == (TASK, ANSWER)
        self.asked += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def close(self) -> None:
        self.closed += 1


class Deferred(Fixed):
    """Says it when it is told to."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.future: Future[Verdict] = Future()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        self.asked += 1
        return self.future

    def tell(self) -> None:
        if isinstance(self.result, Exception):
            self.future.set_exception(self.result)
        else:
            self.future.set_result(self.result)


def tell_all(judges: Sequence[Fixed], order: random.Random) -> None:
    def ready() -> list[Deferred]:
        return [j for j in judges if isinstance(j, Deferred) and j.asked and not j.future.done()]

    while waiting := ready():
        order.choice(waiting).tell()


verdicts = st.one_of(
    st.builds(passed, st.floats(0.5, 1)),
    st.builds(
        failed,
        st.text(min_size=1, max_size=400).filter(lambda text: bool(text.strip())),
        st.sampled_from([Status.FAILED, Status.BAD_FORMAT, Status.TRUNCATED]),
        st.floats(0, 0.5),
        st.sampled_from(["wrong", "slow", "garbled"]),
    ),
)
outages = st.builds(JudgeError, st.just("down")) | st.builds(ZeroDivisionError)
results = verdicts | verdicts | verdicts | outages


@dataclass
class Case:
    judges: list[Fixed]
    weights: list[float]
    order: random.Random

    def run(self, whole: ComposedJudge) -> Verdict | JudgeError:
        future = whole.submit(TASK, ANSWER)
        tell_all(self.judges, self.order)
        assert future.done()
        error = future.exception()
        assert error is None or isinstance(error, JudgeError)
        return future.result() if error is None else error

    def parts(self) -> list[Part]:
        return [Part(f"p{i}", judge, self.weights[i]) for i, judge in enumerate(self.judges)]


@st.composite
def cases(draw: Callable[[Any], Any]) -> Case:
    drawn = draw(st.lists(st.tuples(results, st.booleans(), st.floats(0.01, 100)), min_size=1, max_size=5))
    judges = [(Deferred if deferred else Fixed)(result) for result, deferred, _ in drawn]
    return Case(judges, [weight for *_, weight in drawn], random.Random(draw(st.integers(0, 999))))


def keys(count: int) -> set[str]:
    return {key for i in range(count) for key in (f"p{i}", f"p{i}.own")}


@settings(deadline=None)
@given(cases(), st.none() | st.floats(0, 1), st.integers(340, 1200))
def test_the_weighted_sum_is_what_it_says(case: Case, threshold: float | None, chars: int) -> None:
    found = case.run(WeightedSum(case.parts(), threshold=threshold, feedback_chars=chars))
    said = [judge.result for judge in case.judges]
    assert all(judge.asked <= 1 for judge in case.judges)
    if broken := [i for i, result in enumerate(said) if isinstance(result, Exception)]:
        assert isinstance(found, JudgeError)
        assert any(f"part 'p{i}': " in str(found) for i in broken)
        return
    assert isinstance(found, Verdict)
    assert all(judge.asked == 1 for judge in case.judges)
    mean = sum(w * v.reward for w, v in zip(case.weights, said, strict=True)) / sum(case.weights)
    bad = [(f"p{i}", v) for i, v in enumerate(said) if not v.passed]
    assert found.reward == pytest.approx(mean)
    assert min(v.reward for v in said) <= found.reward <= max(v.reward for v in said)
    assert set(found.scores) == keys(len(said))
    assert {f"p{i}": v.reward for i, v in enumerate(said)}.items() <= found.scores.items()
    assert found.detail == {f"p{i}": v.detail for i, v in enumerate(said)}
    assert list(found.detail) == [f"p{i}" for i in range(len(said))]
    if not bad or (threshold is not None and found.reward >= threshold):
        assert (found.status, found.outcome, found.feedback) == (Status.PASSED, "accepted", "")
        return
    assert (found.status, found.outcome) == (bad[0][1].status, bad[0][1].outcome)
    whole = "\n\n".join(f"{name}:\n{v.feedback.strip()}" for name, v in bad)
    assert len(found.feedback) <= chars
    assert ("[cut: " in found.feedback) or found.feedback == whole
    if len(whole) <= chars:
        assert found.feedback == whole
    position = -1
    for name, v in bad:
        position = found.feedback.index(f"{name}:\n{v.feedback.strip()[:10]}", position + 1)


@settings(deadline=None)
@given(cases())
def test_the_first_failure_is_what_it_says(case: Case) -> None:
    whole = FirstFailure(case.parts(), passed_outcome="all_fine")
    found = case.run(whole)
    said = [judge.result for judge in case.judges]
    deciding = next((i for i, r in enumerate(said) if isinstance(r, Exception) or not r.passed), len(said) - 1)
    assert [judge.asked for judge in case.judges] == [int(i <= deciding) for i in range(len(said))]
    verdict = said[deciding]
    if isinstance(verdict, Exception):
        assert isinstance(found, JudgeError)
        assert str(found).startswith(f"part 'p{deciding}': ")
        return
    assert isinstance(found, Verdict)
    assert (found.reward, found.status, found.feedback) == (verdict.reward, verdict.status, verdict.feedback)
    assert found.outcome == ("all_fine" if verdict.passed else verdict.outcome)
    assert set(found.scores) == keys(len(said)) == set(whole.score_keys)
    for i, result in enumerate(said):
        asked = result if i <= deciding else Verdict(0.0, "", Status.PASSED, "", {"own": 0.0})
        assert (found.scores[f"p{i}"], found.scores[f"p{i}.own"]) == (asked.reward, asked.scores["own"])
    assert found.detail == {f"p{i}": said[i].detail for i in range(deciding + 1)}


@settings(deadline=None)
@given(results, results)
def test_a_gate_asks_for_the_content_only_where_the_format_is_right(first: Result, then: Result) -> None:
    judges = [Fixed(first), Fixed(then)]
    found = Case(judges, [1, 1], random.Random(0)).run(Gate(*judges))
    opened = isinstance(first, Verdict) and first.passed
    assert judges[1].asked == int(opened)
    deciding = then if opened else first
    if isinstance(deciding, Exception):
        assert isinstance(found, JudgeError)
        assert f"part '{'then' if opened else 'first'}'" in str(found)
        return
    assert isinstance(found, Verdict)
    assert (found.reward, found.feedback, found.status) == (deciding.reward, deciding.feedback, deciding.status)
    assert set(found.scores) == {"first", "first.own", "then", "then.own"}


def grown(text: str, length: int) -> str:
    """Long texts are rarely drawn, so they are made."""
    return (text + "z") * length


sections = st.lists(
    st.tuples(
        st.text("ab", min_size=1, max_size=9), st.builds(grown, st.text("xyz |\n", max_size=50), st.integers(1, 900))
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(sections, st.integers(450, 2500))
def test_merged_feedback_keeps_its_budget_and_shares_it_fairly(sections: list[tuple[str, str]], chars: int) -> None:
    merged = merge_feedback(sections, chars)
    assert len(merged) <= chars
    bodies = [body.strip() for _, body in sections]
    frame = sum(len(h) + 1 for h, _ in sections) + 2 * (len(sections) - 1)
    share = (chars - frame) // len(sections)
    rest = merged
    for i, ((heading, _), body) in enumerate(zip(sections, bodies, strict=True)):
        assert rest.startswith(heading + "\n")
        rest = rest.removeprefix(heading + "\n")
        if rest.startswith(body) and rest[len(body) :][:2] in ("", "\n\n"):
            rest = rest[len(body) + 2 :]
            continue
        cut = re.search(r"\n\[cut: ([\d,]+) more characters\](\n\n|$)", rest)
        assert cut is not None
        assert cut.end(1) + len(" more characters]") >= share - 5, "it got less than its share"
        assert body == rest[: cut.start()] + body[cut.start() :]
        assert int(cut[1].replace(",", "")) == len(body) - cut.start()
        rest = rest[cut.end() :]
        assert rest or i == len(sections) - 1
    assert not rest


def test_room_that_short_sections_leave_goes_to_the_long_ones() -> None:
    merged = merge_feedback([("a:", "x" * 5000), ("b:", "short"), ("c:", "y" * 5000)], 1000)
    assert len(merged) in (999, 1000)
    assert "b:\nshort\n\n" in merged
    assert abs(merged.count("x") - merged.count("y")) <= 1


def test_a_failing_part_is_never_dropped_by_a_long_one() -> None:
    whole = WeightedSum(
        {"long": (Fixed(failed("l" * 10_000)), 1), "fine": (Fixed(passed()), 1), "short": (Fixed(failed("see me")), 1)},
        feedback_chars=300,
    )
    feedback = whole(TASK, ANSWER).feedback
    assert feedback.startswith("long:\nlll")
    assert feedback.endswith(" more characters]\n\nshort:\nsee me")
    assert "fine" not in feedback
    assert len(feedback) <= 300


def test_weights_are_normalised_and_full_marks_are_exactly_one() -> None:
    weights = [0.1, 0.2, 0.3, 1 / 3, 7]
    whole = WeightedSum([Part(f"p{i}", Fixed(passed()), w) for i, w in enumerate(weights)])
    assert whole(TASK, ANSWER).reward == 1.0
    quarter = WeightedSum({"a": (Fixed(passed()), 1), "b": (Fixed(failed()), 3)})
    assert quarter(TASK, ANSWER).reward == 0.25


def test_a_part_of_weight_zero_decides_but_does_not_pay() -> None:
    verdict = WeightedSum({"a": (Fixed(passed()), 1), "b": (Fixed(failed()), 0)})(TASK, ANSWER)
    assert (verdict.reward, verdict.status) == (1.0, Status.FAILED)


def test_the_parts_of_a_sum_run_at_the_same_time() -> None:
    slow = [Deferred(passed()), Deferred(passed())]
    future = WeightedSum({"a": (slow[0], 1), "b": (slow[1], 1)}).submit(TASK, ANSWER)
    assert [judge.asked for judge in slow] == [1, 1]
    slow[1].tell()
    assert not future.done()
    slow[0].tell()
    assert future.result(0).passed


def test_a_failing_part_cancels_the_others_and_starts_no_more() -> None:
    slow, broken, later = Deferred(passed()), Fixed(JudgeError("down")), Fixed(passed())
    whole = WeightedSum({"slow": (slow, 1), "broken": (broken, 1), "later": (later, 1)})
    with pytest.raises(JudgeError, match="part 'broken': down"):
        whole(TASK, ANSWER)
    assert slow.future.cancelled()
    assert not later.asked


def test_a_part_that_fails_while_another_is_being_started_cancels_that_one_too() -> None:
    broken = Deferred(JudgeError("down"))

    class Starting(Deferred):
        def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
            broken.tell()
            return super().submit(task, completion)

    starting = Starting(passed())
    future = WeightedSum({"broken": (broken, 1), "starting": (starting, 1)}).submit(TASK, ANSWER)
    assert isinstance(future.exception(0), JudgeError)
    assert starting.future.cancelled()


@pytest.mark.parametrize("make", [lambda a, b: WeightedSum({"a": (a, 1), "b": (b, 1)}), Gate])
def test_cancelling_the_whole_cancels_what_is_under_way(make: Callable[[Fixed, Fixed], ComposedJudge]) -> None:
    first, second = Deferred(passed()), Deferred(passed())
    future = make(first, second).submit(TASK, ANSWER)
    assert future.cancel()
    assert first.future.cancelled()
    assert second.future.cancelled() == bool(second.asked)


def test_a_part_cancelled_by_others_is_an_outage() -> None:
    part = Deferred(passed())
    future = Gate(part, Fixed(passed())).submit(TASK, ANSWER)
    part.future.cancel()
    with pytest.raises(JudgeError, match="part 'first': judging was cancelled"):
        future.result(0)


def test_composed_judges_are_parts_of_others() -> None:
    form, tests, style = Fixed(passed()), Fixed(failed("3 of 4")), Fixed(passed(0.5))
    content = WeightedSum({"tests": (tests, 3), "style": (style, 1)})
    whole = Gate(Part("format", form), Part("content", content))
    verdict = whole(TASK, ANSWER)
    assert verdict.reward == 0.125
    assert verdict.feedback == "tests:\n3 of 4"
    assert verdict.scores == {
        "format": 1.0,
        "format.own": 0.5,
        "content": 0.125,
        "content.tests": 0.0,
        "content.tests.own": 0.25,
        "content.style": 0.5,
        "content.style.own": 0.25,
    }
    assert verdict.detail["content"] == {"tests": {"note": "3 of 4"}, "style": {"note": "p"}}
    form.result = failed("no form", Status.BAD_FORMAT, outcome="no_block")
    malformed = whole(TASK, ANSWER)
    assert (malformed.status, malformed.outcome) == (Status.BAD_FORMAT, "no_block")
    assert malformed.scores.keys() == verdict.scores.keys()
    assert set(malformed.scores.values()) == {0.0, 0.25}
    tests.result = JudgeError("down")
    form.result = passed()
    with pytest.raises(JudgeError, match="part 'content': part 'tests': down"):
        whole(TASK, ANSWER)


def test_scores_that_a_judge_does_not_declare_are_passed_on_by_name() -> None:
    toy = ToyJudge()
    whole = Gate(Part("length", Fixed(passed()), scores=()), Part("sum", toy, scores=("closeness",)))
    task = toy_tasks(None, "sample")[0]
    assert Gate(Part("a", toy), Part("b", toy)).score_keys == ("a", "b")
    assert whole.score_keys == ("length", "sum", "sum.closeness")
    both = WeightedSum([Part("sum", toy, scores=("closeness",))])
    assert both(task, Completion("1")).scores == {"sum": 0.0, "sum.closeness": 0.5}
    wrong = WeightedSum([Part("sum", toy, scores=("nearness",))])
    with pytest.raises(JudgeError, match="part 'sum' gave no score 'nearness'; it gave \\['closeness', 'score'\\]"):
        wrong(task, Completion("1"))


def test_attributes_are_passed_on() -> None:
    class Running(Fixed):
        def __init__(self, isolation: str, versions: dict[str, str], lower: frozenset[str]) -> None:
            super().__init__(passed())
            self.isolation, self.runtime_versions, self.lower_bounds = isolation, versions, lower

    a = Running("userns", {"python": "3.12", "numpy": "2"}, frozenset({"own"}))
    b = Running("userns", {"python": "3.13", "numpy": "2"}, frozenset({"other"}))
    plain = Fixed(passed())
    parts = {"a": a, "plain": plain, "b": b}
    whole = FirstFailure(parts)
    assert whole.isolation == "userns"
    assert whole.runtime_versions == {"python": "3.12", "numpy": "2", "b.python": "3.13"}
    assert whole.lower_bounds == {"a.own", "plain", "plain.own", "b", "b.own"}
    weighted = WeightedSum({name: (judge, 1) for name, judge in parts.items()})
    assert weighted.lower_bounds == {"a.own"}
    assert FirstFailure({"x": plain}).isolation is None
    b.isolation = "landlock"
    assert whole.isolation == "userns, landlock"


def test_closing_closes_every_part_once() -> None:
    class Stuck(Fixed):
        def close(self) -> None:
            super().close()
            raise OSError("stuck")

    shared, stuck, last = Fixed(passed()), Stuck(passed()), Fixed(passed())
    whole = Gate(FirstFailure({"a": shared, "b": shared, "stuck": stuck}), last)
    with pytest.raises(OSError, match="stuck"):
        whole.close()
    whole.close()
    assert (shared.closed, stuck.closed, last.closed) == (1, 1, 1)
    FirstFailure({"no close": lambda task, completion: passed()}).close()


def test_many_completions_are_judged_at_once() -> None:
    both = threading.Barrier(2, timeout=20)

    class Threaded(Fixed):
        def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
            future: Future[Verdict] = Future()
            threading.Thread(target=lambda: (both.wait(), future.set_result(self(task, completion)))).start()
            return future

    whole = Gate(Fixed(passed()), Threaded(passed()))
    assert [isinstance(v, Verdict) for v in judge_many(whole, [(TASK, ANSWER)] * 2)] == [True, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightedSum({}), "needs at least one part"),
        (lambda: FirstFailure([Part("a", Fixed(passed())), Part("a", Fixed(passed()))]), "a name of its own, got a, a"),
        (lambda: Part("a.b", Fixed(passed())), "without a dot, got 'a.b'"),
        (lambda: Part(" ", Fixed(passed())), "not empty"),
        (lambda: Part("a", Fixed(passed()), -1), "weight of part 'a' must be a finite number >= 0, got -1"),
        (lambda: Part("a", Fixed(passed()), float("nan")), "got nan"),
        (lambda: WeightedSum({"a": (Fixed(passed()), 0)}), "finite sum above 0, got 0"),
        (lambda: WeightedSum({"a": (Fixed(passed()), 1e308), "b": (Fixed(passed()), 1e308)}), "got inf"),
        (
            lambda: WeightedSum({"a": (Fixed(passed()), 1)}, feedback_chars=10),
            "at least 63 for 1 sections, got 10",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        make()
