from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest

from sdpo_gym.cli import main
from sdpo_gym.errors import UsageError
from sdpo_gym.plots.attempts import NO_VERDICT, read_eval, read_searches
from sdpo_gym.plots.curves import Axis, read_curves
from sdpo_gym.plots.draw import Picture, draw
from sdpo_gym.plots.style import HATCHES, STYLES, as_title

image = pytest.importorskip("matplotlib.image")
pytest.importorskip("pandas")


def write(directory: Path, record: dict, files: dict[str, list[dict]]) -> Path:
    directory.mkdir(parents=True)
    (directory / "run.json").write_text(json.dumps({"format": 1, **record}))
    (directory / "summary.json").write_text("{}")
    for name, rows in files.items():
        (directory / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


def row(task: int, attempt: int, outcome: str | None, *, tokens: int | None = 7, seconds: float = 0.5, **more) -> dict:
    return {
        "task_id": f"t{task}", "task_digest": f"d{task}", "attempt": attempt, "turn": 0, "done": outcome is not None,
        "completion": "word " * (task + 1), "tokens": tokens and {"prompt": 1, "completion": tokens},
        "reward": None if outcome is None else float(outcome == "accepted"), "scores": {},
        "status": {"accepted": "passed", None: None}.get(outcome, "failed"), "outcome": outcome,
        "times": {"generate_s": seconds, "judge_s": seconds / 10}, "error": None if outcome else "JudgeError: down",
        **more,
    }  # fmt: skip


def evaluation(directory: Path, *, tokens: int | None = 7, seconds: float = 0.5) -> Path:
    outcomes = [["accepted", "wrong_answer"], ["accepted", "accepted"], ["time_limit", "wrong_answer", None]]
    rows = [
        row(task, attempt, outcome, tokens=tokens and tokens + attempt, seconds=seconds)
        for task, each in enumerate(outcomes)
        for attempt, outcome in enumerate(each)
    ]
    return write(directory, {}, {"attempts.jsonl": rows})


def searches(directory: Path) -> Path:
    ends = {(0, 0): 2, (0, 1): None, (1, 0): 1, (1, 1): 4}
    rows = [
        row(task, attempt, "accepted" if attempt + 1 == end else "wrong_answer", seed=seed)
        for (task, seed), end in ends.items()
        for attempt in range(end or 4)
    ]
    rows.append(row(2, 0, "wrong_answer", seed=0))  # interrupted
    return write(directory, {"kind": "discovery", "k": 4}, {"attempts.jsonl": rows})


def training(directory: Path, averages: list[float], *, seed: int = 0, rate: float = 1.0) -> Path:
    record = {"kind": "train", "settings": {"seed": seed, "learning_rate": rate}, "seeds": {"seed": seed}}
    metrics = []
    for i, average in enumerate(averages):
        at = {"step": 10 * i, "generations": 640.0 * i, "updates": 10.0 * i, "seconds": 1.5 * i, "flops": 1e9 * i}
        metrics.append({**at, "entropy": 1.0 - 0.1 * i, "alarm": None})
        evaluated = {"avg": average, "low": average - 0.1, "high": average + 0.1, "values": [average]}
        metrics.append({**at, "eval": evaluated})
    return write(directory, record, {"metrics.jsonl": metrics})


def size(file: Path) -> tuple[int, int]:
    height, width = image.imread(file).shape[:2]
    return width, height


def test_everything_that_there_is_data_for_is_drawn_in_both_formats_one_column_wide(tmp_path, capsys):
    runs = [evaluation(tmp_path / "a"), evaluation(tmp_path / "b", tokens=30), searches(tmp_path / "c")]
    runs.append(training(tmp_path / "d", [0.1, 0.3, 0.5]))
    assert main(["plot", *map(str, runs), "--out", str(tmp_path / "out")]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    names = ["curves", "pass_at_k", "discovery_at_k", "outcomes", "lengths", "times_generate", "times_judge"]
    assert [file.name for file in files] == [f"{name}.{suffix}" for name in names for suffix in ("png", "svg")]
    for file in files:
        if file.suffix == ".png":
            assert size(file)[0] == 680  # 3.4 inches at 200 dots
        else:
            assert file.read_text().startswith("<?xml")


def test_pictures_are_the_same_every_time(tmp_path):
    run = evaluation(tmp_path / "a")
    files = draw([run], tmp_path / "one") + draw([run], tmp_path / "two")
    half = len(files) // 2
    assert [f.read_bytes() for f in files[:half]] == [f.read_bytes() for f in files[half:]]


def test_a_picture_shows_its_runs(tmp_path):
    """Another run in it changes the picture; so does other data."""
    a, b = evaluation(tmp_path / "a"), evaluation(tmp_path / "b", tokens=60, seconds=3.0)
    (alone, _), (both, _) = (
        draw(runs, tmp_path / str(len(runs)), pictures=[Picture.LENGTHS]) for runs in ([a], [a, b])
    )
    assert alone.read_bytes() != both.read_bytes()


def test_names_that_matplotlib_would_read_otherwise_are_shown(tmp_path):
    plain, odd = evaluation(tmp_path / "ab"), evaluation(tmp_path / "_a$b_{$")
    sizes = [
        size(draw([run], tmp_path / "out" / str(i), pictures=[Picture.PASS])[0]) for i, run in enumerate([plain, odd])
    ]
    assert sizes[0] == sizes[1]
    assert as_title("_a$b") == r" _a\$b"  # a label that begins with _ has no line in the legend


def test_without_colour_runs_are_told_apart():
    assert len({style["marker"] for style in STYLES}) == len(STYLES)
    assert len(set(HATCHES)) == len(HATCHES) == len(STYLES)
    for one, next_one in pairwise(STYLES):
        assert one["linestyle"] != next_one["linestyle"]


def test_an_evaluation_is_read_without_its_outages(tmp_path):
    run = read_eval(evaluation(tmp_path / "a"), "a")
    assert sorted(run.tasks) == [(2, 0), (2, 1), (2, 2)]
    assert run.outcomes == {"accepted": 3, "wrong_answer": 2, "time_limit": 1, NO_VERDICT: 1}
    assert (run.unit, sorted(run.lengths)) == ("tokens", [7, 7, 7, 8, 8, 8, 9])
    assert list(run.judge) == pytest.approx([0.05] * 7)


def test_lengths_are_in_characters_where_tokens_are_unknown(tmp_path):
    run = read_eval(evaluation(tmp_path / "a", tokens=None), "a")
    assert (run.unit, sorted(set(run.lengths))) == ("characters", [5, 10, 15])


def test_a_run_of_outages_has_one_bar(tmp_path):
    down = {"completion": None, "tokens": None, "times": {"generate_s": 0.0, "judge_s": 0.0}}
    run = write(tmp_path / "a", {}, {"attempts.jsonl": [{**row(0, i, None), **down} for i in range(3)]})
    assert [file.stem for file in draw([run], tmp_path / "out")] == ["outcomes", "outcomes"]


def test_searches_that_did_not_end_are_left_out(tmp_path):
    run = read_searches(searches(tmp_path / "a"), {"k": 4}, "a")
    assert run.times == [[2, None], [1, 4]]


def test_a_curve_has_the_interval_of_its_evaluations_over_the_axis_asked_for(tmp_path):
    run = training(tmp_path / "a", [0.1, 0.3])
    record = json.loads((run / "run.json").read_text())
    (curve,) = read_curves([(run, "a", record)])
    assert (curve.x, curve.middle) == ([0, 640], [0.1, 0.3])
    assert curve.ends is not None
    assert [list(end) for end in curve.ends] == [[0.0, pytest.approx(0.2)], [0.2, 0.4]]
    (entropy,) = read_curves([(run, "a", record)], "entropy", Axis.STEP)
    assert (entropy.x, entropy.middle, entropy.ends) == ([0, 10], [1.0, 0.9], None)


def test_runs_that_differ_in_their_seed_only_are_one_curve(tmp_path):
    values = {0: [0.1, 0.2, 0.3], 1: [0.1, 0.4, 0.6], 2: [0.1, 0.3]}
    runs = [training(tmp_path / f"seed{seed}", each, seed=seed) for seed, each in values.items()]
    runs.append(training(tmp_path / "other", [0.1, 0.9], rate=2.0))
    several, other = read_curves([(run, run.name, json.loads((run / "run.json").read_text())) for run in runs])
    assert several.title == "seed0 and 2 more seeds"
    assert several.x == [0, 640]  # the steps that all have
    assert several.middle == pytest.approx([0.1, fmean([0.2, 0.4, 0.3])])
    assert several.ends == ([0.1, 0.2], [0.1, 0.4])
    assert other.middle == [0.1, 0.9]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["d", "--column", "entropi"], "metrics.jsonl has no column 'entropi'; did you mean 'entropy'?; it has"),
        (["a", "--picture", "curves"], "no data for the picture 'curves'; it needs training runs"),
        (["d", "--picture", "outcomes"], "no data for the picture 'outcomes'; it needs evaluations"),
        (["a", "--picture", "pie"], "invalid choice: 'pie'"),
        (["a", "a"], "is given twice"),
        (["nowhere"], "nowhere is not a run directory"),
        (["torn"], "attempts.jsonl: its last line is torn"),
        (["broken"], "attempts.jsonl, line 2: not a row of a run"),
        (["probe"], "run.json: field 'kind' is 'probe'"),
        (["a", "--out", "a/run.json"], "cannot write"),
        (["empty"], "nothing to draw"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    evaluation(Path("a"))
    training(Path("d"), [0.1, 0.3])
    write(Path("empty"), {}, {"attempts.jsonl": []})
    write(Path("probe"), {"kind": "probe"}, {})
    with (evaluation(Path("torn")) / "attempts.jsonl").open("a") as file:
        file.write('{"task')
    write(Path("broken"), {}, {"attempts.jsonl": [row(0, 0, "accepted"), {"task_id": "t"}]})
    assert main(["plot", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said


def test_too_many_runs_for_one_picture_are_refused(tmp_path):
    runs = [evaluation(tmp_path / str(i)) for i in range(7)]
    with pytest.raises(UsageError, match="more than 6 runs of kind 'eval'"):
        draw(runs, tmp_path / "out")
