from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sdpo_gym.cli import main
from sdpo_gym.cli.credit import picture, wants_colour
from sdpo_gym.credit import Alternative, Credit, TokenCredit
from sdpo_gym.directories import take_lock
from sdpo_gym.evaluate import EvalConfig, evaluate
from viewer.view_runs import replayed

MISTAKE = 'Action: send_room\nAction Input: {"date": "wednesday"}'


@pytest.fixture
def run(tmp_path) -> Path:
    return replayed(tmp_path, {"g1": ["it is 11", "it is 10"], "g2": ["?"]})


@pytest.fixture(scope="module")
def mistake(tmp_path_factory) -> Path:
    """A run with one attempt at tiny_tool: a call whose argument has a wrong name."""
    directory = tmp_path_factory.mktemp("mistake")
    answers = directory / "answers.jsonl"
    answers.write_text(json.dumps({"task_id": "tool-0-test-0", "completion": MISTAKE}) + "\n")
    evaluate(EvalConfig("tiny_tool", f"replay:{answers}", data="hub", out=directory / "run"))
    return directory / "run"


def test_pages_are_written_into_the_run_or_where_one_says(run, tmp_path, capsys):
    assert main(["view", str(run)]) == 0
    assert capsys.readouterr().out == f"{run}/view/index.html: 2 tasks\n"
    assert main(["view", str(run), "--out", str(tmp_path / "p"), "--task", "g2"]) == 0
    assert len(list((tmp_path / "p" / "tasks").iterdir())) == 1


@pytest.mark.slow
def test_pages_and_terminal_show_the_wrong_argument_name_in_the_credit_picture(mistake, tmp_path, capsys):
    options = ["--credit", "--policy", "tiny"]
    assert main(["view", str(mistake), "--out", str(tmp_path), *options]) == 0
    out, _ = capsys.readouterr()
    assert "The completions were not written by the model that scores them" in out
    [page] = (tmp_path / "tasks").iterdir()
    marked = re.findall(r'<span class="tok (n\d|p\d)">([^<]*)</span>', page.read_text().partition("<script")[0])
    assert [(text, level) for level, text in marked if level != "p1"] == [("date", "n5")]
    assert main(["show", str(mistake), "tool-0-test-0", *options]) == 0
    out, _ = capsys.readouterr()
    assert re.search(r'Action Input: {"\[-\d+\.\d date\]": "wednesday"}<\|end\|>', out)
    assert re.search(r"date +-\d+\.\d\d +\S+ % +\S+ % +when 9\d\.\d %", out)
    assert "\x1b" not in out


def test_pages_are_served_to_this_machine_alone(run):
    command = [sys.executable, "-m", "sdpo_gym.cli", "view", str(run), "--serve", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
            with httpx.Client(trust_env=False) as client:
                answer = client.get(url)
                assert answer.status_code == 200
                assert "g1" in answer.text
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert client.get(url, headers={"Host": "evil.example"}).status_code == 403
                assert client.get(f"{url}tasks/").status_code == 404
                assert client.get(f"{url}../run.json").status_code == 404
            port = int(url.rpartition(":")[2].strip("/"))
            addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
            for address in addresses - {"127.0.0.1"}:
                with socket.socket() as probe:
                    assert address.startswith("127.") or probe.connect_ex((address, port)) != 0
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "g11"], "holds no finished attempt at task 'g11'; did you mean 'g1'?"),
        (["--credit"], "policy 'replay' cannot score a given completion (capability 'score')"),
        (["--policy", "tiny"], "options of the credit picture (--policy, --model, --reprompt ...) need --credit"),
        (["--serve", "99999"], "port 99999 of 127.0.0.1 cannot be had"),
        (["--out", "/proc/x"], "cannot write /proc/x"),
    ],
)
def test_bad_input_is_one_line(run, capsys, arguments, words):
    assert main(["view", str(run), *arguments]) == 2
    _, err = capsys.readouterr()
    assert words in err
    assert err.count("\n") == 1


def refused(run: Path, capsys) -> str:
    assert main(["view", str(run)]) == 2
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert not (run / "view").exists()
    return err


def test_what_is_no_run_or_not_finished_or_broken_is_refused(run, tmp_path, capsys):
    assert "is not a run directory" in refused(tmp_path / "nowhere", capsys)
    lock = take_lock(run, "wait")
    try:
        assert "is still writing to" in refused(run, capsys)
    finally:
        os.close(lock)
    attempts = run / "attempts.jsonl"
    whole = attempts.read_bytes()
    attempts.write_bytes(whole[:-9])
    assert "its last line is torn" in refused(run, capsys)
    attempts.write_bytes(b"{}\n" + whole)
    assert "line 1: not a row of a run" in refused(run, capsys)
    attempts.write_bytes(whole)
    (run / "summary.json").write_text("[")
    assert "summary.json cannot be read" in refused(run, capsys)


def test_a_terminal_gets_colours_in_which_no_text_of_a_model_acts():
    def token(text, credit):
        return TokenCredit(text, False, -1.0, -1.0 + credit, (Alternative("\x1b[1m", -1.0, -1.0),))

    credit = Credit((token("a\x1b[2J", -3.0), token(" b", 0.0), token("c", 0.7), token("\n", -0.5)), ())
    [line, rest, *_] = "\n".join(picture(credit, colour=True)).split("\n")
    assert line == "\x1b[4;30;48;5;210ma\\x1b[2J\x1b[0m b\x1b[30;48;5;159mc\x1b[0m\x1b[4;30;48;5;224m↵\x1b[0m"
    assert rest == ""
    [line, rest, *others] = picture(credit, colour=False)
    assert line == "[-3.0 a\\x1b[2J] b[+0.7 c][-0.5 \n]"
    assert "\x1b" not in "".join(others)


@pytest.mark.parametrize(
    ("is_tty", "environment", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, is_tty, environment, wanted):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_tty, raising=False)
    assert wants_colour() is wanted
