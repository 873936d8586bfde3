from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import guess_env
from sdpo_gym.cli import main


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sdpo-gym {version('sdpo-gym')}\n"


_COMMANDS = ("eval", "rejudge", "show", "envs", "new", "check", "doctor", "sandbox-image")


def test_the_libraries_bars_are_for_terminals_only(monkeypatch):
    for terminal in (False, True):
        monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS", raising=False)
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        main(["--version"])
        assert ("HF_HUB_DISABLE_PROGRESS_BARS" in os.environ) == (not terminal)


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"\n    {command}\s", out) for command in _COMMANDS)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["evil"], "invalid choice: 'evil'"),
        (["eval", "guess", "--n", "many"], "argument --n: invalid int value: 'many'"),
        (["eval", "gess"], "there is no environment 'gess'; did you mean 'guess'?"),
        (["eval", "guess", "--limit", "0"], "limit must be at least 1, got 0"),
        (["eval", "guess", "--option", "tolerance"], "--option 'tolerance' must have the form KEY=VALUE"),
        (["check", "gess"], "there is no environment 'gess'; did you mean 'guess'?"),
        (["check", "guess", "--option", "spin=1"], "environment 'guess' has no option 'spin'"),
        (["show", "nowhere"], "nowhere is not a run directory"),
        (["rejudge", "nowhere"], "nowhere is not a run directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, argv, words):
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sdpo-gym")
    assert err.count("\n") == 1
    assert words in err


def test_a_bug_is_not_hidden(monkeypatch):
    monkeypatch.setattr("sdpo_gym.cli.envs.list_envs", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["envs"])


def test_a_reader_that_goes_away_ends_the_command_quietly():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(guess_env.__file__).parent)!r}); import guess_env\n"
        "from sdpo_gym.cli import main\n"
        "sys.stdin.read()\n"  # until the reader of our output is gone
        "sys.exit(main(['envs']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_module_can_be_run():
    done = subprocess.run(
        [sys.executable, "-m", "sdpo_gym.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("sdpo-gym ")
