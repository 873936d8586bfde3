from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

import guess_env  # noqa: F401  (registers itself)
from sdpo_gym.cli import main
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.viewer.detail import detail_html
from sdpo_gym.viewer.pages import write_pages
from sdpo_gym.viewer.reading import ReadRun
from viewer.view_runs import LONG, change_rows, hostile_run, replayed


@pytest.fixture
def run(tmp_path) -> Path:
    return replayed(tmp_path, {"g1": ["it is 11", "it is 10", "OUTAGE"], "g2": ["?"]})


def pages(index: Path) -> dict[str, str]:
    links = re.findall(r'class="open" href="([^"]+)">(.*?)</a>', index.read_text())
    return {html.unescape(name): (index.parent / link).read_text() for link, name in links}


@pytest.mark.parametrize("env", ["lcb_v6", "tooluse", "sciknoweval_chemistry", "tiny_tool", "tiny_code", "tiny_sci"])
def test_a_run_of_every_environment_can_be_read(tmp_path, env):
    policy = "scripted:gold" if env.startswith("tiny") else None
    evaluate(EvalConfig(env, policy, limit=2, n=2, out=tmp_path / "run"))
    index = write_pages(ReadRun(tmp_path / "run"), tmp_path / "pages")
    made = pages(index)
    assert len(made) == 2
    rows = [json.loads(line) for line in (tmp_path / "run" / "attempts.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    for row in rows:
        page = html.unescape(re.sub(r"<[^>]*>", "", made[row["task_id"]].replace("<details", "\n<details")))
        assert row["completion"] in page
        assert row["feedback"] in page
        assert row["outcome"] in page
        for record in row["detail"].get("tests", []):
            assert record["status"] in page
    assert all("Not to be had" not in page for page in made.values())


def test_a_page_holds_prompt_completion_verdict_feedback_tests_and_outage(run, tmp_path):
    index = write_pages(ReadRun(run), tmp_path / "pages")
    page = pages(index)["g1"]
    parts = [
        "Guess the number of task 1.",
        "it is 11",
        "reward 0",
        "closeness",
        "11 is too high.",
        "distance",
        "it is 10",
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert "JudgeError: the referee went home" in page
    assert "1 of 3" in index.read_text()


def test_every_turn_is_there(tmp_path):
    evaluate(EvalConfig("guess", "guess:say=it is 7", data="sample", turns=2, n=1, limit=1, out=tmp_path / "run"))
    [page] = pages(write_pages(ReadRun(tmp_path / "run"), tmp_path / "pages")).values()
    assert page.count("7 is too high.") == 2
    assert page.index("Turn 1") < page.index("Turn 2")


def test_an_attempt_that_was_made_again_is_there_once(run, tmp_path):
    lines = (run / "attempts.jsonl").read_text().splitlines()
    outage = next(json.loads(line) for line in lines if "went home" in line)
    again = outage | {"error": None, "done": True, "reward": 1.0, "status": "passed", "outcome": "accepted"}
    (run / "attempts.jsonl").write_text("\n".join([*lines, json.dumps(again)]) + "\n")
    page = pages(write_pages(ReadRun(run), tmp_path / "pages"))["g1"]
    assert "went home" not in page
    assert page.count("<article") == 3


def test_without_its_data_a_run_can_still_be_read(run, tmp_path):
    record = json.loads((run / "run.json").read_text())
    record["data"]["choice"] = "/gone"
    (run / "run.json").write_text(json.dumps(record))
    page = pages(write_pages(ReadRun(run), tmp_path / "pages"))["g1"]
    assert "Not to be had: the guessing game has no data &#39;/gone&#39;" in page
    assert "it is 11" in page


def test_the_prompt_of_a_task_that_changed_is_not_shown(run, tmp_path):
    change_rows(run, lambda row: row.update(task_digest="0" * 64))
    made = pages(write_pages(ReadRun(run), tmp_path / "pages"))
    assert "the data of this task have changed since the run" in made["g2"]
    assert "Guess the number" not in made["g2"]


def test_a_long_text_is_cut_and_stands_whole_beside_the_page(tmp_path):
    index = write_pages(ReadRun(hostile_run(tmp_path)), tmp_path / "pages")
    page = next(page for name, page in pages(index).items() if name == "g1")
    assert len(page) < 600_000
    assert "980,010 characters left out" in page
    link = re.search(r'href="\.\./(texts/[^"]*-4-0-completion\.txt)"', page)
    assert (index.parent / link[1]).read_text() == LONG
    details = re.search(r'href="\.\./(texts/[^"]*-4-0-detail\.txt)"', page)
    assert json.loads((index.parent / details[1]).read_text())["tests"][0]["y" * 300] == LONG


def test_names_of_pages_come_from_no_text(tmp_path):
    write_pages(ReadRun(hostile_run(tmp_path)), tmp_path / "pages")
    made = [p.relative_to(tmp_path / "pages") for p in (tmp_path / "pages").rglob("*") if p.is_file()]
    assert all(
        re.fullmatch(r"index\.html|\.sdpo-gym-view|(tasks|texts)/[0-9a-f]{16}[a-z0-9-]*\.(html|txt)", str(p))
        for p in made
    )
    assert sum(p.suffix == ".html" for p in made) == 3


def test_pages_again_replace_those_of_before_and_nothing_else(run, tmp_path):
    out = tmp_path / "pages"
    write_pages(ReadRun(run), out)
    assert len(list((out / "tasks").iterdir())) == 2
    assert set(pages(write_pages(ReadRun(run), out, task_ids=["g2"]))) == {"g2"}
    assert len(list((out / "tasks").iterdir())) == 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(UsageError, match=r"is not empty and holds no pages of before \(it holds 'thesis.tex'\)"):
        write_pages(ReadRun(run), tmp_path / "other")


def test_the_pages_of_a_run_do_not_change_the_run(run, tmp_path):
    assert main(["view", str(run)]) == 0
    assert (run / "view" / "index.html").exists()
    assert main(["show", str(run)]) == 0
    evaluate(EvalConfig("guess", f"replay:{tmp_path / 'answers.jsonl'}", data="sample", out=run))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("attempt", "../../x", "field 'attempt' is str"),
        ("detail", None, "field 'detail' is NoneType"),
        ("feedback", 7, "field 'feedback' is int"),
    ],
)
def test_a_row_of_another_shape_is_named(run, tmp_path, field, value, words):
    change_rows(run, lambda row: row.update({field: value}))
    with pytest.raises(UsageError, match=rf"attempts\.jsonl: {words} in the row of attempt .* at task 'g"):
        write_pages(ReadRun(run), tmp_path / "pages")


def test_a_detail_says_whether_it_is_whole():
    table, whole = detail_html(
        {"tests": [{"n": i, "why": "", "on": i == 1} for i in range(3)], "level": "userns", "no": []}
    )
    assert whole
    assert "level userns" in table
    assert "why" not in table
    assert [table.count(f'<td class="number">{i}') for i in range(3)] == [1, 1, 1]
    assert table.count("<td>yes") == 1
    assert detail_html({}) == ("", True)
    long, whole = detail_html({"tests": [{"n": i} for i in range(101)]})
    assert not whole
    assert "the first 100 of 101" in long
