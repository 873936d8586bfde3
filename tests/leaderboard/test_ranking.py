from __future__ import annotations

from pathlib import Path

from leaderboard.made_up import draws, make_result
from sdpo_gym.leaderboard.ranking import standings
from sdpo_gym.leaderboard.results import Entry
from sdpo_gym.paired import paired_difference


def entries(*results) -> list[Entry]:
    return [Entry(Path(f"{data['name']}.json"), data) for data in results]


def ranks(*results) -> dict[str, tuple[int | None, bool]]:
    return {name: (each.rank, each.is_tied) for name, each in standings(entries(*results)).items()}


def test_runs_tie_unless_the_paired_difference_leaves_out_zero():
    base = [0, 1, 2, 3, 4] * 20
    better = [min(4, c + 1) for c in base]  # on four tasks of five
    a_little = [4 - c for c in base]  # the same score, other tasks
    assert ranks(make_result("better", better), make_result("base", base), make_result("other", a_little)) == {
        "better": (1, False),
        "base": (2, True),
        "other": (2, True),
    }


def test_pairing_finds_what_intervals_of_their_own_hide():
    # every task a little easier, while tasks differ much: the two intervals overlap, that of the difference is above 0
    low = [0, 4] * 30
    high = [c + (i % 10 == 0 and c < 4) for i, c in enumerate(low)]
    first, second = make_result("high", high), make_result("low", low)
    assert first["scores"]["avg@4"]["low"] < second["scores"]["avg@4"]["value"]
    assert ranks(first, second) == {"high": (1, False), "low": (2, False)}


def test_ties_need_not_be_transitive():
    # by construction a beats c on 6 tasks of 60 and loses none, b lies between and is apart from neither
    c = [2] * 60
    a = [3] * 6 + c[6:]
    b = [3] * 3 + c[3:]
    assert ranks(make_result("a", a), make_result("b", b), make_result("c", c)) == {
        "a": (1, True),
        "b": (1, True),
        "c": (2, False),
    }


def test_other_tasks_judges_and_windows_are_ranked_apart():
    strong, weak = [4] * 40, [0] * 40
    found = ranks(
        make_result("strong", strong),
        make_result("weak", weak),
        make_result("window", weak, data__window="2024"),
        make_result("judge", weak, judge__version="Quiz-v1"),
    )
    assert found == {"strong": (1, False), "weak": (2, False), "window": (1, False), "judge": (1, False)}


def test_a_run_that_lacks_a_verdict_on_some_task_has_no_rank():
    found = ranks(
        make_result("whole", [1] * 40),
        make_result("down", [4] * 39 + [None]),
        make_result("part", [4] * 30, data__count=40),
    )
    assert found == {"whole": (1, False), "down": (None, False), "part": (None, False)}


def test_differences_are_seen_from_both_sides():
    left, right = entries(make_result("left", draws(50, 0.6)), make_result("right", draws(50, 0.4, seed=1)))
    found = standings([left, right])
    there, back = found["left"].versus["right"], found["right"].versus["left"]
    assert there == paired_difference(left.means, right.means)
    assert back == paired_difference(right.means, left.means)
