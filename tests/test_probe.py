from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import guess_env
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import PolicyError
from sdpo_gym.probe import Condition, ProbeConfig, probe, render
from sdpo_gym.records import iter_rows, load_run
from sdpo_gym.rollout import Turn

CONFIG = ProbeConfig("guess", policy="guess:", data="sample", n=4, out=Path("run"))


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Pupil(guess_env.GuessPolicy):
    """Right by a chance that what its prompt holds decides; fails as the test says."""

    def __init__(self, alone: int, feedback: int, solution: int, down: str = "") -> None:
        super().__init__()
        self.chances = {"alone": alone, "feedback": feedback, "solution": solution}
        self.down_for = down
        self.asked: list[tuple[str, str, int]] = []

    def generate(self, requests, sampling):
        for index, request in enumerate(requests):
            text = request.messages[-1].content
            kind = "feedback" if "judge said" in text else "solution" if "correct answer" in text else "alone"
            self.asked.append((request.task_id, text, request.seed))
            if self.down_for and (kind == self.down_for or self.down_for == "all"):
                yield index, PolicyError("down")
                continue
            right = 10 * int(request.task_id[1:])
            is_right = request.seed % 100 < self.chances[kind]
            yield index, Completion(f"I say {right if is_right else right + 1}", FinishReason.STOP)


@pytest.fixture
def use(monkeypatch):
    def use(pupil: Pupil) -> Pupil:
        monkeypatch.setattr("sdpo_gym.preparing.load_policy", lambda *_, **__: pupil)
        return pupil

    return use


def test_a_policy_that_heeds_feedback_has_a_gap(use):
    use(Pupil(alone=50, feedback=100, solution=100))
    found = probe(replace(CONFIG, n=20))
    assert found.feedback is not None
    assert found.feedback_failed is not None
    assert found.student is not None
    assert found.feedback_failed.given.value == 1.0
    assert found.feedback_failed.without.value == pytest.approx(0.5, abs=0.2)
    assert found.feedback_failed.gap.value == pytest.approx(1 - found.feedback_failed.without.value)
    # overall: the failed half gains half
    assert found.feedback.gap.value == pytest.approx(0.25, abs=0.12)
    assert found.feedback.gap.low is not None
    assert found.feedback.gap.low > 0
    assert found.feedback.attempts == 6 * 20
    assert found.feedback_failed.attempts == round(6 * 20 * (1 - found.student.value))
    assert found.solution is not None
    assert found.solution.given.value == 1.0


def test_a_policy_that_heeds_nothing_has_none_though_failed_attempts_would_succeed_the_second_time(use):
    use(Pupil(alone=50, feedback=50, solution=50))
    found = probe(replace(CONFIG, n=40))
    for gap in (found.feedback, found.feedback_failed, found.solution, found.solution_failed):
        assert gap is not None
        assert abs(gap.gap.value) < 0.17
        assert gap.without.value == pytest.approx(0.5, abs=0.15)


def test_siblings_solutions_exist_only_where_a_sibling_succeeded(use):
    use(Pupil(alone=0, feedback=100, solution=100))
    found = probe(CONFIG)
    assert found.solution is None
    assert found.solution_failed is None
    assert found.feedback is not None
    assert found.feedback.gap.value == 1.0
    assert found.feedback == found.feedback_failed
    assert "a sibling's solution                       0" in render(found)


def test_the_prompts_are_those_of_the_reprompt_and_hold_one_thing_each(use):
    pupil = use(Pupil(alone=50, feedback=100, solution=100))
    probe(replace(CONFIG, reprompt_options={"closing_template": "\nGO"}))
    helped = [text for _, text, _ in pupil.asked if "Guess the number" in text and text.endswith("\nGO")]
    assert helped
    assert not any("judge said" in text and "correct answer" in text for text in helped)
    assert any("I say 11" in text or "11 is too high." in text for text in helped)
    first = [text for _, text, _ in pupil.asked[:24]]
    assert all(text.startswith("Guess the number") and "\n" not in text for text in first)


def test_every_answer_has_a_seed_of_its_own(use):
    pupil = use(Pupil(alone=50, feedback=100, solution=100))
    probe(CONFIG)
    seeds = [seed for *_, seed in pupil.asked]
    assert len(set(seeds)) == len(seeds)


def test_rows_say_what_they_were_asked_with_and_the_summary_is_written_down(use):
    use(Pupil(alone=50, feedback=100, solution=100))
    found = probe(CONFIG)
    rows = list(iter_rows(Path("run")))
    counts = {c: sum(row["condition"] == c for row in rows) for c in Condition}
    failed = sum(row["condition"] == "first" and row["status"] != "passed" for row in rows)
    assert counts[Condition.FIRST] == counts[Condition.AGAIN] == 24
    assert counts[Condition.FEEDBACK] == failed
    assert sum(counts.values()) == found.attempts
    written = json.loads(Path("run/summary.json").read_text())
    assert found.feedback is not None
    assert written["feedback"]["gap"]["value"] == found.feedback.gap.value
    run = load_run(Path("run"))
    assert run["kind"] == "probe"
    assert run["sampling"]["n"] == 4
    assert run["reprompt"] == {"name": "sdpo", "options": {}}


class Stop:
    def __init__(self, after: int) -> None:
        self.left = after
        self.phases: list[tuple[str, int, int]] = []

    def phase(self, directory: Path, doing: str, unit: str, earlier: int, total: int) -> None:
        self.phases.append((doing, earlier, total))

    def turn(self, turn: Turn) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [10, 40])
def test_an_interrupted_probe_is_continued(use, after):
    use(Pupil(alone=50, feedback=100, solution=100))
    with pytest.raises(KeyboardInterrupt):
        probe(CONFIG, Stop(after))
    watching = Stop(10_000)
    resumed = probe(CONFIG, watching)
    assert sum(earlier for _, earlier, _ in watching.phases) >= after
    assert len(list(iter_rows(Path("run")))) == resumed.attempts
    fresh = probe(replace(CONFIG, out=Path("fresh")))
    assert replace(fresh, directory=resumed.directory) == resumed


def test_outages_are_in_no_figure_and_are_made_again(use):
    use(Pupil(alone=50, feedback=100, solution=100, down="feedback"))
    found = probe(CONFIG)
    assert found.errors > 0
    assert found.feedback_failed is None
    assert found.feedback is not None
    assert found.feedback.gap.value == 0.0  # only those that passed, where nothing is added
    assert f"{found.errors} answers ended in an outage" in render(found)
    use(Pupil(alone=50, feedback=100, solution=100))
    mended = probe(CONFIG)
    assert mended.errors == 0
    assert mended.feedback_failed is not None


def test_a_probe_of_nothing_but_outages_has_no_figures(use):
    use(Pupil(alone=50, feedback=100, solution=100, down="all"))
    found = probe(CONFIG)
    assert (found.student, found.feedback, found.tasks, found.attempts, found.errors) == (None, None, 0, 0, 24)
    assert "student" not in render(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"policy": None}, "a probe needs a policy"),
        ({"reprompt": "spdo"}, "there is no reprompt 'spdo'; did you mean 'sdpo'?"),
        ({"reprompt_options": {"feedback": "never"}}, "reprompt 'sdpo' takes no option 'feedback'"),
        ({"reprompt_options": {"own_succes": 3}}, "did you mean 'own_success'?"),
        ({"reprompt_options": {"demonstration": "best"}}, "demonstration must be one of uniform"),
        ({"policy": f"replay:{guess_env.RECORDED}"}, "this one replays recorded completions"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(change, words):
    with pytest.raises(UsageError) as caught:
        probe(replace(CONFIG, **change))
    assert words in str(caught.value)
    assert not Path("run").exists()


def test_a_third_partys_reprompt_makes_the_prompts(tmp_path, monkeypatch, use):
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sdpo_gym.reprompts]\nacme = acme_reprompt:make\n")
    (tmp_path / "acme_reprompt.py").write_text(
        "from sdpo_gym.task import Message\n"
        "def make(*, solutions, feedback):\n"
        "    said = 'judge said' if feedback == 'always' else 'correct answer'\n"
        "    return lambda group, seed: [(Message('user', said),) for _ in group.attempts]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_reprompt", raising=False)
    pupil = use(Pupil(alone=0, feedback=0, solution=100))
    found = probe(replace(CONFIG, reprompt="acme"))
    assert found.solution is not None
    assert found.solution.gap.value == 1.0
    assert sum(text == "judge said" for _, text, _ in pupil.asked) == 24
