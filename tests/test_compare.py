from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import guess_env  # noqa: F401  (registers itself)
from sdpo_gym.cli import main
from sdpo_gym.compare import Comparison, compare, unique_names
from sdpo_gym.compare_text import render
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.paired import paired_difference
from sdpo_gym.records import load_results
from sdpo_gym.rejudge import RejudgeConfig, rejudge
from sdpo_gym.scored import Which, load_scored


def replayed(directory: Path, right: list[str], **options) -> Path:
    """A run of the guessing game: per task one character per attempt, 1 right, 0 too high, x an outage."""
    texts = {"1": "it is {}", "0": "it is {} 999", "x": "OUTAGE"}
    directory.mkdir(parents=True)
    file = directory / "recorded.jsonl"
    rows = [
        {"task_id": f"g{i}", "completions": [texts[c].format(10 * i) for c in attempts]}
        for i, attempts in enumerate(right)
        if attempts
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"env": "guess", "data": "sample", "policy": f"replay:{file}", "out": directory / "run", **options}
    evaluate(EvalConfig(**config))
    return directory / "run"


@pytest.fixture
def good(tmp_path) -> Path:
    return replayed(tmp_path / "good", ["11", "11", "10", "11", "01", "11"])


@pytest.fixture
def poor(tmp_path) -> Path:
    return replayed(tmp_path / "poor", ["10", "1010", "0", "11", "00", "1x"])


def only(comparison: Comparison):
    (pair,) = comparison.pairs
    return pair


def test_runs_are_paired_by_task_over_means_of_attempts_without_errors(good, poor):
    found = compare([good, poor])
    assert [run.metric for run in found.runs] == ["avg@2", "avg@1"]
    assert [(run.attempts, run.errors, run.smallest_n, run.largest_n) for run in found.runs] == [
        (12, 0, 2, 2),
        (12, 1, 1, 4),
    ]
    pair = only(found)
    left = dict(zip("abcdef", [1, 1, 0.5, 1, 0.5, 1], strict=True))
    right = dict(zip("abcdef", [0.5, 0.5, 0, 1, 0, 1], strict=True))
    assert pair.difference == paired_difference(left, right)
    assert (pair.difference.won, pair.difference.lost, pair.difference.tied) == (4, 0, 2)
    assert pair.adjusted == pair.difference.p_value
    assert pair.measured == ()
    assert any(line.startswith("policy.sha256 is ") for line in pair.subject)


def test_the_command_shows_figures_errors_and_a_conclusion(good, poor, capsys):
    assert main(["compare", str(good), str(poor)]) == 0
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "A good 6 2 0 avg@2 0.833" in words
    assert "B poor 6 1-4 1 (7.7%) avg@1 0.500" in words
    assert "A - B 6 +0.333 [+0.062, +0.604] 0.025 4 0 2 0." in words
    assert "attempts that ended in an outage are in no figure" in out
    assert out.rstrip().splitlines()[-2].startswith("Conclusion: A scores higher than B by 0.333, with 95 %")
    assert max(map(len, out.splitlines())) <= 100
    assert main(["compare", str(poor), str(good)]) == 0
    assert "Conclusion: B scores higher than A by 0.333" in capsys.readouterr().out


def test_a_difference_that_may_be_chance_is_called_that(tmp_path, good):
    near = replayed(tmp_path / "near", ["11", "10", "11", "11", "10", "11"])
    text = render(compare([good, near]))
    assert "Conclusion: A and B cannot be told apart: the difference of +0.000 may be chance (p = 1.000)" in text
    assert "finds a true difference of 0.4" in " ".join(text.split())
    same = render(compare([good, Path(shutil.copytree(good, tmp_path / "copy"))]))
    assert "A and B score the same at each of 6 common tasks." in same


def test_several_runs_are_compared_with_the_first_with_holms_correction(good, poor, tmp_path):
    third = replayed(tmp_path / "third", ["11", "10", "11", "11", "10", "11"])
    found = compare([good, poor, third])
    p = found.pairs[0].difference.p_value
    assert [pair.adjusted for pair in found.pairs] == pytest.approx([2 * p, 1.0])
    assert not found.pairs[0].is_significant  # 0.025 alone, 0.05 as one of two
    text = " ".join(render(found).split())
    assert "(p = 0.025, 0.050 with Holm's correction for 2 comparisons" in text
    assert "A - C" in text


def test_runs_that_were_measured_differently_are_refused_and_it_is_said_what_differs(good, tmp_path, capsys):
    lenient = replayed(tmp_path / "lenient", ["11"] * 6, options={"tolerance": 1})
    salted = replayed(tmp_path / "salted", ["11"] * 6, options={"salt": "x"})
    assert main(["compare", str(good), str(lenient)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "were measured differently: env.options.tolerance is null and 1; give --allow-different" in said
    with pytest.raises(UsageError, match=r"data\.digest is .*; env\.options\.salt is null and \"x\"; give"):
        compare([good, salted])
    assert main(["compare", str(good), str(lenient), "--allow-different"]) == 0
    assert "measured differently: env.options.tolerance" in capsys.readouterr().out
    with pytest.raises(UsageError, match="have no task in common"):
        compare([good, salted], allow_different=True)


def test_another_card_is_named_with_the_fields_that_differ(good, poor):
    record = json.loads((poor / "run.json").read_text())
    record["env"]["card"]["version"] = 7
    record["env"]["card_digest"] = "f" * 64
    (poor / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"env\.card_digest is .* and \"ffffffffffff\"; of the card, version; give"):
        compare([good, poor])


def test_how_fast_and_where_it_was_judged_is_no_difference(good, tmp_path):
    elsewhere = replayed(tmp_path / "elsewhere", ["11"] * 6, options={"workers": 2})
    assert only(compare([good, elsewhere])).measured == ()


def test_runs_judged_again_are_runs(good, poor):
    rejudge(RejudgeConfig(poor))
    again = compare([good, poor.with_name("run.rejudged")])
    assert only(again).difference == only(compare([good, poor])).difference


def test_tasks_that_one_run_lacks_are_left_out_and_counted(good, tmp_path):
    partial = replayed(tmp_path / "partial", ["00", "11", "", "00", "xx", "11"])
    found = compare([good, partial])
    pair = only(found)
    assert (pair.difference.tasks, pair.first_only, pair.other_only) == (4, 2, 0)
    assert "over the 4 tasks at which both have a verdict; left out are 2 of A and 0 of B" in " ".join(
        render(found).split()
    )


def test_metrics_can_be_named(good, poor, tmp_path, capsys):
    other = replayed(tmp_path / "other", ["10", "01", "00", "11", "10", "00"])
    found = compare([good, other], metric="pass@2")
    assert [run.mean.value for run in found.runs] == pytest.approx([1.0, 4 / 6])
    assert only(compare([good, other], metric="closeness")).difference.won == 4
    assert main(["compare", str(good), str(poor), "--metric", "pass@2"]) == 2
    assert "has no pass@2: 2 of its 6 tasks have fewer attempts" in capsys.readouterr().err
    assert main(["compare", str(good), str(other), "--metric", "closenes"]) == 2
    assert "has no metric 'closenes'; did you mean 'closeness'?; it has avg, pass@K" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"no maj@2: no verdict's detail has the field 'answer'"):
        compare([good, other], metric="maj@2")


def test_the_majority_of_recorded_answers_is_a_metric(good):
    path = good / "attempts.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["detail"]["answer"] = row["completion"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert load_scored(good, "maj@2").mean.value == pytest.approx(5 / 6)
    assert len(load_results(good)) == 12


def test_a_run_that_is_torn_or_unfinished_is_named(good, poor, capsys):
    with (poor / "attempts.jsonl").open("a") as file:
        file.write('{"task_id": "g')
    assert main(["compare", str(good), str(poor)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{poor / 'attempts.jsonl'}: its last line is torn" in said
    (good / "summary.json").unlink()
    assert main(["compare", str(good), str(poor)]) == 2
    assert f"{good} has no summary.json" in capsys.readouterr().err


def test_what_cannot_be_compared_is_refused(good, poor, tmp_path, capsys):
    assert main(["compare", str(good)]) == 2
    assert "at least two runs, got 1" in capsys.readouterr().err
    assert main(["compare", str(good), str(good / ".." / "run")]) == 2
    assert "is given twice" in capsys.readouterr().err
    assert main(["compare", str(good), str(tmp_path / "nowhere")]) == 2
    assert "is not a run directory" in capsys.readouterr().err
    record = json.loads((poor / "run.json").read_text())
    (poor / "run.json").write_text(json.dumps({**record, "kind": "probe"}))
    assert main(["compare", str(good), str(poor)]) == 2
    assert "field 'kind' is 'probe'" in capsys.readouterr().err
    del record["env"]
    (poor / "run.json").write_text(json.dumps(record))
    assert main(["compare", str(good), str(poor)]) == 2
    assert "run.json lacks the field 'env'" in capsys.readouterr().err


def test_names_are_as_long_as_it_takes_to_tell_runs_apart():
    assert unique_names([Path("a/x"), Path("b/y")]) == ("x", "y")
    assert unique_names([Path("a/x"), Path("b/x")]) == ("a", "b")
    assert unique_names([Path("a/1/x"), Path("a/2/x"), Path("b/2/x")]) == ("a/1", "a/2", "b/2")
    assert unique_names([Path("a/x")]) == ("x",)


def training_run(directory: Path, evaluations: list[list[float | None]], *, world: int = 0, rate: float = 1e-3) -> Path:
    directory.mkdir(parents=True)
    card = {"reward_range": [0, 1]}
    run = {
        "format": 1,
        "kind": "train",
        "settings": {"eval_n": 4, "learning_rate": rate, "eval_options": {}},
        "env": {"name": "Toy-v0", "card_digest": "c", "options": {}, "card": card},
        "data": {"eval": {"name": "toy", "digest": f"world {world}", "evaluated": 3}},
        "policy": {},
        "agent": {},
        "sessions": [],
    }
    rows = [
        {"step": 10 * i, "eval": {"avg": sum(v or 0 for v in values) / 3, "n": 4, "errors": 0, "values": values}}
        for i, values in enumerate(evaluations)
    ]
    (directory / "run.json").write_text(json.dumps(run))
    (directory / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (directory / "summary.json").write_text("{}")
    return directory


def test_training_runs_are_compared_at_their_last_or_best_evaluation_or_over_all(tmp_path):
    first = training_run(tmp_path / "a", [[0, 0, 0], [1, 0.5, 0.75], [0.5, 0.5, None]])
    other = training_run(tmp_path / "b", [[0, 0, 0], [0, 0.25, 0], [0.25, 0.25, 0.25]], rate=1e-2)
    last = only(compare([first, other]))
    assert (last.difference.tasks, last.difference.value, last.first_only, last.other_only) == (2, 0.25, 0, 1)
    assert last.subject == ("settings.learning_rate is 0.001 and 0.01",)
    best = compare([first, other], which=Which.BEST)
    assert only(best).difference.value == pytest.approx((0.75 + 0.25 + 0.5) / 3)
    assert best.runs[0].metric == "avg@4 (best, step 10)"
    assert "biased upwards" in render(best)
    mean = compare([first, other], which=Which.MEAN)
    assert only(mean).difference.value == pytest.approx((0.625 + 0.25 + 0.625) / 3)


def test_training_runs_with_other_held_out_tasks_are_never_paired(tmp_path, good):
    first = training_run(tmp_path / "a", [[0, 0, 0], [1, 0, 1]])
    other = training_run(tmp_path / "b", [[0, 0, 0], [1, 0, 1]], world=1)
    with pytest.raises(UsageError, match=r"data\.eval\.digest is \"world 0\" and \"world 1\""):
        compare([first, other])
    with pytest.raises(UsageError, match="no task in common"):
        compare([first, other], allow_different=True)
    with pytest.raises(UsageError, match=r"of kind 'train' and .* of kind 'eval'"):
        compare([first, good], allow_different=True)
    untrained = training_run(tmp_path / "c", [[0, 0, 0]])
    with pytest.raises(UsageError, match=r"metrics\.jsonl has no row with the field 'eval' after step 0"):
        compare([first, untrained])
    (other / "metrics.jsonl").write_text('{"step": 0}\n{"st')
    with pytest.raises(UsageError, match=r"metrics\.jsonl, line 2: not a row of metrics"):
        load_scored(other)
