from __future__ import annotations

import json

import pytest

from leaderboard.made_up import digest_of, make_result, make_training, put
from sdpo_gym.errors import UsageError
from sdpo_gym.leaderboard.results import check_result, read_board, read_result, write_result


def test_what_is_written_is_read_back(tmp_path):
    for data in (make_result("run", [4, 0, None, 1], note='Ünïcode, "quotes"'), make_training("t", [0.1, 0.5, 0.25])):
        path = tmp_path / f"{data['name']}.json"
        write_result(data, path)
        assert read_result(path).data == data
        assert path.read_text().count("\n") < 200


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"format": 2}, "format: is 2; this version of sdpo_gym reads format 1"),
        ({"colour": "red"}, "colour: is unknown; the fields here are format, kind"),
        ({"env__colour": "red"}, "env.colour: is unknown; the fields here are alias"),
        ({"turns": 0}, "turns: 0 is less than the minimum of 1"),
        ({"name": "../up"}, "name: '../up' does not match"),
        ({"name": "line\n"}, "name: 'line\\n' does not match"),
        ({"env__alias": "a/b"}, "env.alias: 'a/b' does not match"),
        ({"date": "yesterday"}, "date: 'yesterday' does not match"),
        ({"data__digest": "abc"}, "data.digest: 'abc' does not match"),
        ({"scores__avg@4": 0.5}, "scores.avg@4: 0.5 is not of type 'object'"),
        ({"isolation": 3}, "isolation: 3 is not of type 'string', 'null'"),
        ({"attempts__count": 7}, "attempts.count: is 7, but the tasks' n come to 8"),
        ({"attempts__errors": 1}, "attempts.errors: is 1, but the tasks' errors come to 0"),
        ({"attempts__error_rate": 0.5}, "attempts.error_rate: is 0.5, but errors and count come to 0"),
        ({"attempts__smallest_n": 3}, "scores.avg@3: is missing, and attempts.smallest_n is 3"),
        ({"data__evaluated": 3}, "data.evaluated: is 3, but there are 2 tasks"),
        ({"data__count": 1}, "data.evaluated: is 2, more than the 1 of data.count"),
        ({"env__reward_range": [0, 0.5]}, "tasks.0.mean: is 1, outside of env.reward_range [0, 0.5]"),
        ({"scores__avg@4__value": 0.9}, "scores.avg@4.value: is 0.9, but the tasks' means come to 0.5"),
        ({"scores__avg@4__low": 0.6}, "scores.avg@4: the value 0.5 lies outside of its interval"),
        ({"kind": "train"}, "training: is missing, and kind is 'train'"),
    ],
)
def test_a_result_that_breaks_the_schema_or_contradicts_itself_is_a_line_with_the_field(changes, line):
    found = check_result(make_result("run", [4, 0], **changes))
    assert found is not None
    assert found.startswith(line)
    assert "\n" not in found


def test_missing_fields_and_other_things_are_told_of():
    data = make_result("run", [4, 0])
    del data["judge"]["version"]
    assert check_result(data) == "judge.version: is missing"
    assert check_result([]) == "the whole file: [] is not of type 'object'"
    twice = make_result("run", [4, 0])
    twice["tasks"][1]["digest"] = twice["tasks"][0]["digest"]
    assert check_result(twice) == "tasks: two of them have the same digest"
    training = make_training("t", [0.1, 0.5])
    training["training"]["last"] = {"value": 0.75, "low": None, "high": None}
    assert check_result(training) == "training.last.value: is 0.75, but scores.avg@4.value is 0.5"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "not JSON (Expecting property name"),
        ('{"format": NaN}', "not JSON (NaN is no number of JSON's)"),
        ("[" * 100_000, "not JSON ("),
        ('"' + "x" * 1_000_000 + '"', "the whole file: 'xxx"),
    ],
)
def test_a_file_that_is_no_json_is_one_short_line(tmp_path, text, line):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_result(path)
    assert str(error.value).startswith(f"{path}: {line}")
    assert len(str(error.value)) < len(str(path)) + 300


def test_a_board_names_its_bad_files_and_keeps_the_rest(tmp_path):
    put(tmp_path, make_result("good", [1, 2]), make_training("trained", [0.0, 0.25]))
    folder = tmp_path / "results" / "quiz"

    def write(name: str, data: object) -> None:
        (folder / name).write_text(json.dumps(data))

    write("Good.json", make_result("Good", [1, 2]))  # one page where names have no case
    write("other.json", make_result("good", [1, 2]))
    write("renamed.json", make_result("name", [1, 2]))
    write("elsewhere.json", make_result("elsewhere", [1, 2], env__alias="exam"))
    write("torn.json", "")
    (folder / "torn.json").write_text('{"format": 1,')
    (tmp_path / "results" / "stray.json").write_text("{}")
    write("curves.json", {"format": 1})  # of a reproduction, and no run
    board = read_board(tmp_path)
    # the first of two in the order of names is kept
    assert [entry.name for entry in board.entries] == ["Good", "trained"]
    told = "\n".join(board.problems)
    assert len(board.problems) == 6
    assert f"{folder / 'good.json'}: name: 'good' is also that of {folder / 'Good.json'}" in told
    assert f"{folder / 'other.json'}: name: 'good' is also that of" in told
    assert f"{folder / 'renamed.json'}: name: is 'name', so the file must be called name.json" in told
    assert f"{folder / 'elsewhere.json'}: env.alias: is 'exam', but the folder is 'quiz'" in told
    assert f"{folder / 'torn.json'}: not JSON" in told
    assert "stray.json: lies in no environment's folder" in told


def test_a_directory_without_results_is_no_board(tmp_path):
    with pytest.raises(UsageError, match="it has no folder 'results'; `sdpo-gym submit RUN --board"):
        read_board(tmp_path)


def test_what_two_runs_must_have_in_common_to_be_compared():
    from sdpo_gym.leaderboard.results import Entry

    def setting(**changes: object) -> str:
        return Entry(None, make_result("run", [1, 2], **changes)).setting  # type: ignore[arg-type]

    assert setting() == setting(date="2026-01-01", sampling__temperature=0.0, isolation=None, env__options={"seed": 1})
    different = [
        setting(env__card_digest=digest_of("other")),
        setting(data__digest=digest_of("other")),
        setting(data__window=""),
        setting(judge__version="Quiz-v1"),
        setting(judge__options={"cpu_s": 1}),
    ]
    assert len({setting(), *different}) == 6
