from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sdpo_gym.report import WIDTH, render, table
from sdpo_gym.stats import Estimate
from test_summary import summary


def meta(task: str):
    return {"difficulty": "easy" if task < "c" else "hard"}


FULL = replace(
    summary({"a": "1111", "b": "00", "c": "1x", "d": "xx"}, meta=meta, notices=("This is a sample.",), left_out=3),
    window="[2025-02-01, 2025-05-01)",
    data_digest="f" * 64,
    directory=Path("runs/guess/guess-0123abcd"),
    isolation="userns",
)


def line_with(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_the_report_says_what_was_measured_on_what():
    text = render(FULL)
    assert text.startswith("guess: guess\n")
    head = text.partition("\n\n")[0]
    tasks = "4 tasks (3 more of the set left out: no recorded completion) (1 without a verdict, in no score)"
    assert line_with(head, "tasks").split(maxsplit=1)[1] + " " + head.splitlines()[2].strip() == tasks
    assert line_with(head, "window").endswith("[2025-02-01, 2025-05-01)")
    assert line_with(head, "digest").endswith("f" * 64)
    assert line_with(head, "attempts").endswith("7 with a verdict, n differs from task to task: 1 to 4")
    assert line_with(head, "errors").endswith("3 of 10 attempts (30.0%), in no score")
    assert line_with(head, "sandbox").endswith("userns")
    assert line_with(head, "sampling").endswith("temperature 0.6")
    assert line_with(head, "run").endswith("runs/guess/guess-0123abcd")
    assert text.endswith("Note: This is a sample.")


def test_the_report_gives_scores_with_intervals():
    text = render(FULL)
    low, high = FULL.scores["avg@1"].low, FULL.scores["avg@1"].high
    assert line_with(text, "avg@1 (score)").split() == ["avg@1", "(score)", "0.667", f"[{low:.3f},", f"{high:.3f}]"]
    assert line_with(text, "hard").split() == ["hard", "1", "1.000", "-"]
    assert line_with(text, "too_low").split() == ["too_low", "2", "28.6%"]


def test_an_equal_n_is_one_number_and_no_error_is_zero():
    text = render(summary({"a": "10", "b": "11"}))
    assert line_with(text, "attempts").endswith("4 with a verdict, n = 2")
    assert line_with(text, "errors").split() == ["errors", "0"]


def test_temperature_zero_is_said():
    text = render(replace(FULL, sampling={"n": 1, "temperature": 0.0, "stop": []}, turns=3))
    assert line_with(text, "sampling").endswith("temperature 0.0, up to 3 turns")


def test_success_by_turn_has_a_table_of_its_own():
    by_turn = (Estimate(0.25, 0.1, 0.4), Estimate(0.5, None, None))
    text = render(replace(FULL, by_turn=by_turn, turns=2))
    assert "solved by then" in text
    assert line_with(text, "1 ").split() == ["1", "0.250", "[0.100,", "0.400]"]
    assert line_with(text, "2 ").split() == ["2", "0.500", "-"]
    assert "solved by then" not in render(FULL)


def test_a_report_without_scores_says_so():
    text = render(summary({"a": "xx"}))
    assert "No attempt ended with a verdict, so there is no score." in text
    assert "value" not in text


def test_no_line_is_wider_than_100_columns():
    long = replace(FULL, notices=("word " * 60, "x" * 90), revision="sha256:" + "+".join(["0123456789abcdef"] * 8))
    assert max(map(len, render(long).splitlines())) <= WIDTH


def test_tables_are_flush_and_end_in_no_spaces():
    text = table(["name", "count"], [["a", "1"], ["long name", "100"]], numeric=(1,))
    assert text.splitlines() == [
        "  name       count",
        "  ----------------",
        "  a              1",
        "  long name    100",
    ]
