from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import guess_env
from sdpo_gym.discover import MAX_OUTAGES, DiscoverConfig, discover
from sdpo_gym.discovery import Trail, compare_discoveries, read_trails, render
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.judge import Judge
from sdpo_gym.policies.base import PolicyError, Sampling, request_seed
from sdpo_gym.records import iter_rows, load_run
from sdpo_gym.rollout import Attempt, Turn
from sdpo_gym.search import Search, attempts_in_order
from sdpo_gym.task import Task

CONFIG = DiscoverConfig(
    "guess", method="best_of_k", tasks=("g1", "g2", "g3"), policy="guess:", data="sample", k=8, seeds=4, out=Path("run")
)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Watching:
    def __init__(self) -> None:
        self.phases: list[tuple[str, str, int, int]] = []
        self.turns: list[Turn] = []
        self.ended: list[Trail] = []

    def phase(self, directory: Path, doing: str, unit: str, earlier: int, total: int) -> None:
        self.phases.append((doing, unit, earlier, total))

    def turn(self, turn: Turn) -> None:
        self.turns.append(turn)

    def end(self, trail: Trail) -> None:
        self.ended.append(trail)


def test_a_search_ends_with_its_first_success_and_rows_say_of_which_search_they_are():
    found = discover(CONFIG)
    rows = list(iter_rows(Path("run")))
    assert {row["method"] for row in rows} == {"best_of_k"}
    for task in found.tasks:
        for seed, time in enumerate(task.times):
            its = [row for row in rows if (row["task_id"], row["seed"]) == (task.task_id, seed)]
            assert [row["attempt"] for row in its] == list(range(time or 8))
            assert [row["status"] == "passed" for row in its] == [False] * (len(its) - 1) + [time is not None]
    assert found.attempts == len(rows)
    assert found.searches == 12


def test_a_search_ends_after_k_attempts_in_vain():
    found = discover(replace(CONFIG, policy="guess:say=I say 1", k=3))
    assert [task.times for task in found.tasks] == [(None,) * 4] * 3
    assert found.attempts == 3 * 4 * 3
    assert found.mean_attempts is not None
    assert found.mean_attempts.value == 3.0
    assert found.discovery["discovery@3"].value == 0.0


def test_the_summary_is_that_of_the_times_and_is_written_down():
    found = discover(CONFIG)
    times = [task.times for task in found.tasks]
    for k in (1, 2, 4, 8):
        share = sum(sum(t is not None and t <= k for t in each) / 4 for each in times) / 3
        assert found.discovery[f"discovery@{k}"].value == pytest.approx(share)
    written = json.loads(Path("run/summary.json").read_text())
    assert written["discovery"]["discovery@4"]["value"] == found.discovery["discovery@4"].value
    assert written["tasks"][1]["times"] == list(times[1])
    assert found.mean_attempts is not None
    assert written["mean_attempts"]["value"] == pytest.approx(sum(sum(t or 8 for t in each) / 4 for each in times) / 3)
    text = render(found)
    assert "discovery@8" in text
    assert "guess_sample: guess" in text


def test_run_json_says_what_was_searched_how():
    discover(CONFIG)
    run = load_run(Path("run"))
    assert run["kind"] == "discovery"
    assert run["method"] == {"name": "best_of_k", "options": {"batch": 16}}
    assert (run["k"], run["tasks"], run["hard"], run["seed"]) == (8, ["g1", "g2", "g3"], None, 0)
    assert run["sessions"][0]["seeds"] == 4
    assert run["sampling"]["temperature"] == 1.0
    assert run["policy"]["name"] == "guess"


def test_the_same_seeds_give_the_same_searches_others_give_others():
    times = [task.times for task in discover(CONFIG).tasks]
    assert [task.times for task in discover(replace(CONFIG, out=Path("again"))).tasks] == times
    assert [task.times for task in discover(replace(CONFIG, out=Path("other"), seed=1)).tasks] != times


def test_searches_that_ended_are_not_made_again_and_more_seeds_may_be_asked_for():
    few = discover(replace(CONFIG, seeds=2))
    before = Path("run/attempts.jsonl").read_bytes()
    watching = Watching()
    more = discover(CONFIG, watching)
    assert watching.phases == [("searching", "search", 6, 12)]
    assert [(trail.task_id, trail.seed) for trail in watching.ended] == [
        (task, seed) for task in CONFIG.tasks for seed in (2, 3)
    ]
    assert Path("run/attempts.jsonl").read_bytes().startswith(before)
    assert [task.times[:2] for task in more.tasks] == [task.times for task in few.tasks]
    assert discover(replace(CONFIG, seeds=2)).tasks == few.tasks  # the others lie there, and do not count
    fresh = discover(replace(CONFIG, out=Path("fresh")))
    assert replace(fresh, directory=more.directory) == more


def test_an_interrupted_search_begins_anew(monkeypatch):
    config = replace(CONFIG, policy="guess:say=I say 1", tasks=("g2",), seeds=2, k=4)

    class Stop(Watching):
        def turn(self, turn: Turn) -> None:
            super().turn(turn)
            if len(self.turns) == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discover(config, Stop())
    assert {t.seed: t.attempts for t in read_trails(Path("run")).values()} == {0: 4, 1: 2}
    found = discover(config)
    rows = list(iter_rows(Path("run")))
    assert [(row["seed"], row["attempt"]) for row in rows[6:]] == [(1, i) for i in range(4)]
    assert found.tasks[0].times == (None, None)
    assert found.attempts == 8


def test_another_configuration_is_refused_the_directory():
    discover(CONFIG)
    with pytest.raises(UsageError, match="k was 8, is 9"):
        discover(replace(CONFIG, k=9))
    with pytest.raises(UsageError, match=r"method\.name was"):
        discover(replace(CONFIG, method="multi_turn"))


class FlakySearch:
    """Fails at the attempts of ``down`` so many times, then goes on; solves at attempt ``solve``."""

    def __init__(self, down: dict[int, int], permanent: bool = False) -> None:
        self.down, self.permanent = down, permanent
        self.searches = self.closed = 0

    def attempts(self, task: Task, judge: Judge, sampling: Sampling, seed: int) -> Iterator[Attempt]:
        self.searches += 1
        left = dict(self.down)

        class Policy(guess_env.GuessPolicy):
            def generate(policy, requests, sampling):
                (request,) = requests
                if left.get(request.attempt, 0):
                    left[request.attempt] -= 1
                    return iter([(0, PolicyError("the server is down", permanent=self.permanent))])
                policy._say = "I say 10" if request.attempt == 3 else "I say 0"
                return guess_env.GuessPolicy.generate(policy, requests, sampling)

        index = 0
        while True:
            yield from attempts_in_order(Policy(), judge, task, [index], sampling, seed)
            index += 1

    def describe(self) -> dict[str, object]:
        return {}

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def flaky(monkeypatch):
    def use(search: Search) -> None:
        monkeypatch.setattr("sdpo_gym.discover.load_search", lambda *_, **__: search)

    return use


ONE = replace(CONFIG, tasks=("g1",), seeds=2, k=4)


def test_an_outage_is_no_attempt_and_is_made_again(flaky):
    search = FlakySearch({0: 1, 2: MAX_OUTAGES - 1})
    flaky(search)
    found = discover(ONE)
    assert found.tasks[0].times == (4, 4)
    assert (found.attempts, found.errors, found.unfinished) == (8, 2 * MAX_OUTAGES, 0)
    assert search.closed == 1


def test_a_bound_of_outages_in_a_row_ends_the_search_and_it_counts_nowhere(flaky):
    flaky(FlakySearch({2: MAX_OUTAGES}))
    found = discover(ONE)
    assert found.tasks[0].times == ()
    assert (found.unfinished, found.searches) == (2, 0)
    assert found.mean_attempts is None
    assert found.discovery == {}
    assert "2 searches that an outage ended" in render(found)
    flaky(FlakySearch({}))
    assert discover(ONE).tasks[0].times == (4, 4)  # the same command made them again


def test_what_can_never_be_answered_ends_the_search_at_once(flaky):
    flaky(FlakySearch({2: 99}, permanent=True))
    assert discover(ONE).errors == 2


def test_nothing_but_outages_end_the_run(flaky):
    search = FlakySearch({0: 99})
    flaky(search)
    with pytest.raises(OutageError, match="50 attempts in a row ended in an outage, the last with: PolicyError"):
        discover(replace(ONE, seeds=99))
    assert search.searches == 50 / MAX_OUTAGES
    assert search.closed == 1


def test_a_search_that_miscounts_is_a_bug(flaky):
    class Skipping(FlakySearch):
        def attempts(self, task: Task, judge: Judge, sampling: Sampling, seed: int) -> Iterator[Attempt]:
            return (replace(a, index=2 * a.index) for a in super().attempts(task, judge, sampling, seed))

    flaky(Skipping({}))
    with pytest.raises(RuntimeError, match="made attempt 2 where 1 was due"):
        discover(ONE)


HARD = replace(CONFIG, tasks=(), hard=0.5, hard_attempts=12)


def test_hard_tasks_are_chosen_by_fresh_attempts_that_are_recorded_and_reported():
    watching = Watching()
    found = discover(HARD, watching)
    rows = [row for row in iter_rows(Path("run")) if row["method"] == "selection"]
    assert len(rows) == 6 * 12
    solved = {f"g{i}": sum(r["status"] == "passed" for r in rows if r["task_id"] == f"g{i}") for i in range(6)}
    assert {each.task_id: each.solved for each in found.selection} == solved
    chosen = [task_id for task_id, count in solved.items() if count / 12 < 0.5]
    assert 0 < len(chosen) < 6
    assert [task.task_id for task in found.tasks] == chosen
    assert found.attempts == len(list(iter_rows(Path("run")))) - 72
    assert watching.phases[0] == ("estimating base pass rates", "answer", 0, 72)
    assert f"{len(chosen)} of 6 tasks have a pass rate below 0.5 in 12 attempts each (72 in all" in render(found)
    assert len(json.loads(Path("run/summary.json").read_text())["selection"]) == 6


def test_the_selection_uses_other_seeds_than_the_searches():
    Path("log").touch()
    discover(replace(HARD, policy="guess:log=log"))
    lines = [line.split() for line in Path("log").read_text().splitlines()]
    seeds = [seed for *_, seed in lines]
    assert len(set(seeds)) == len(seeds)
    task = guess_env.make_tasks().by_id("g0")
    assert str(request_seed(0, task.digest, 0, 0)) not in seeds  # nor the plain one of an evaluation


def test_a_selection_is_continued():
    class Stop(Watching):
        def turn(self, turn: Turn) -> None:
            super().turn(turn)
            if len(self.turns) == 30:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discover(HARD, Stop())
    watching = Watching()
    resumed = discover(HARD, watching)
    assert watching.phases[0][2] >= 30
    fresh = discover(replace(HARD, out=Path("fresh")))
    assert replace(fresh, directory=resumed.directory) == resumed


def test_no_hard_task_is_said_with_the_lowest_rate():
    with pytest.raises(UsageError, match=r"none of 3 tasks has a pass rate below 0\.001: the lowest is 0\.\d+ \(g"):
        discover(replace(HARD, hard=0.001, limit=3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"hard_attempts": 0}, "hard_attempts must be at least 1, got 0"),
        ({"hard": 0.1}, "both named and to be chosen"),
        ({"tasks": ()}, "no task is named"),
        ({"tasks": (), "hard": 2.0}, "hard must be a pass rate in (0, 1], got 2.0"),
        ({"limit": 3}, "limit is about the candidates"),
        ({"tasks": ("g1", "G22")}, "guess_sample has no task 'G22'; did you mean 'g2'?"),
        ({"policy": None}, "a search needs a policy"),
        ({"policy": f"replay:{guess_env.RECORDED}"}, "this one replays recorded completions"),
        ({"method": "best"}, "there is no method 'best'"),
        ({"method": "sdpo"}, "lacks the capability 'train'"),
        ({"temperature": -1.0}, "temperature must be >= 0"),
        ({"temperature": 0.0}, "best_of_k at temperature 0"),
        ({"method_options": {"window": 1}}, "method 'best_of_k' takes no option 'window'"),
        ({"preset": "nosuch"}, "there is no preset 'nosuch'"),
        ({"env": "gues"}, "there is no environment 'gues'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(change, words):
    with pytest.raises(UsageError) as caught:
        discover(replace(CONFIG, **change))
    assert words in str(caught.value)
    assert not Path("run").exists()


def test_a_preset_gives_sampling_and_options_below_those_given(flaky, monkeypatch):
    Path("p.toml").write_text(
        "agent = 'sdpo'\n[train]\nn = 4\ntemperature = 0.7\nmax_tokens = 9\n[agent_options]\nalpha = 1.0\ntop_k = 5\n"
    )
    heard = {}

    def load_search(name, policy, options, **more):
        heard.update(options, **more)
        return FlakySearch({})

    monkeypatch.setattr("sdpo_gym.discover.load_search", load_search)
    config = replace(ONE, method="sdpo", preset="p.toml", max_tokens=3, method_options={"top_k": 7})
    assert discover(config).sampling["max_tokens"] == 3
    assert heard == {"n": 4, "alpha": 1.0, "top_k": 7, "seed": 0, "temperature": 0.7}
    with pytest.raises(UsageError, match="for method 'sdpo' only"):
        discover(replace(config, method="best_of_k"))


def test_methods_are_compared_task_by_task():
    first = discover(replace(CONFIG, out=Path("a")))
    second = discover(replace(CONFIG, out=Path("b"), method="multi_turn", k=6, tasks=("g3", "g2", "g5"), seed=3))
    (difference,) = compare_discoveries([Path("a"), Path("b")])
    assert difference.methods == ("best_of_k", "multi_turn")
    assert difference.k == 6

    def mean(found, task_id):
        (times,) = [each.times for each in found.tasks if each.task_id == task_id]
        return sum(min(t or 6, 6) for t in times) / 4

    by_task = {task_id: mean(first, task_id) - mean(second, task_id) for task_id in ("g2", "g3")}
    assert difference.by_task == pytest.approx(by_task)
    assert difference.attempts.value == pytest.approx(sum(by_task.values()) / 2)
    assert difference.attempts.low is not None
    shares = [sum((t or 9) <= 6 for t in each.times) / 4 for each in first.tasks[1:]]
    its = [sum((t or 9) <= 6 for t in each.times) / 4 for each in second.tasks[:2]]
    assert difference.discovery.value == pytest.approx((sum(shares) - sum(its)) / 2)
    assert len(compare_discoveries([Path("a"), Path("b"), Path("a")])) == 3


def test_what_cannot_be_compared_is_said():
    discover(replace(CONFIG, out=Path("a")))
    discover(replace(CONFIG, out=Path("b"), options={"tolerance": 1}))
    discover(replace(CONFIG, out=Path("c"), tasks=("g4",)))
    with pytest.raises(UsageError, match=r"env\.options is"):
        compare_discoveries([Path("a"), Path("b")])
    with pytest.raises(UsageError, match="no task in common"):
        compare_discoveries([Path("a"), Path("c")])
    with pytest.raises(UsageError, match="at least two runs"):
        compare_discoveries([Path("a")])
    with pytest.raises(UsageError, match="not a run directory"):
        compare_discoveries([Path("a"), Path("nowhere")])
