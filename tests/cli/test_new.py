from __future__ import annotations

import os
import py_compile
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium
import pytest

import scaffold_readme
import toy_env  # registers the toy
from sdpo_gym import registry, resolve, scaffold
from sdpo_gym.cli import main

ROOT = Path(__file__).resolve().parents[2]

Install = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a scaffold, as far as Python can tell, in place; once more after a change to it."""
    known = set(gymnasium.registry)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file that changes within a second must be read again

    def add(package: Path) -> None:
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        lines = [f"{key} = {value}" for key, value in project["entry-points"][registry.GROUP].items()]
        info = tmp_path / "site" / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text("\n".join([f"[{registry.GROUP}]", *lines]))
        for folder in (info.parent, package / "src"):
            if str(folder) not in sys.path:
                monkeypatch.syspath_prepend(folder)
        for module in [name for name in sys.modules if name.startswith("sdpo_env_")]:
            monkeypatch.delitem(sys.modules, module)
        registry.register_declared()  # as a fresh process does

    yield add
    for gym_id in set(gymnasium.registry) - known:
        del gymnasium.registry[gym_id]


def new(*arguments: str) -> int:
    return main(["new", *arguments])


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_fresh_scaffold_is_red_and_its_own_readme_makes_it_green(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new("my_env") == 0
    package = Path("my_env").resolve()
    install(package)
    capsys.readouterr()
    assert main(["check", "my_env"]) == 1
    red = " ".join(capsys.readouterr().out.split())
    for key in ("title", "description", "licence", "source.url", "source.revision", "judge.kind", "feedback.shown"):
        assert key in red
    for words in ("write a few tasks of your own", "an answer that must pass", "in judge.py: write parse_answer"):
        assert f"TODO: {words}" in red or f"TODO {words}" in red
    assert "correct" not in red  # nothing but what is to be filled in is wrong

    filled = scaffold_readme.follow(package / "README.md", package)
    assert filled == ["sample.jsonl", "judge.py", "fixtures.jsonl", "card.toml"]
    assert not [p for p in (package / "src").rglob("*.*") if p.suffix != ".pyc" and "TODO" in p.read_text()]
    install(package)
    assert main(["check", "my_env"]) == 0, "".join(capsys.readouterr())
    assert main(["eval", "my_env", "--policy", "scripted:gold", "--data", "sample", "--quiet"]) == 0
    assert "my_env_sample" in capsys.readouterr().out
    example = (package / "README.md").read_text().rpartition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert (names["feedback"], names["reward"], names["terminated"]) == ("1 is too low.", 0.0, False)


@pytest.mark.parametrize(
    ("missed", "words"),
    [
        ("sample.jsonl", "TODO: write a few tasks of your own"),
        ("judge.py", "TODO in judge.py: write parse_answer"),
        ("fixtures.jsonl", "TODO: an answer that must pass"),
        ("card.toml", "card.toml, key 'title': TODO"),
    ],
)
def test_a_step_of_the_readme_that_is_left_out_is_named(
    install: Install, missed: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new("my_env") == 0
    package = Path("my_env").resolve()
    (file,) = package.rglob(missed)
    before = file.read_text()
    scaffold_readme.follow(package / "README.md", package)
    file.write_text(before)
    install(package)
    capsys.readouterr()
    assert main(["check", "my_env"]) == 1
    assert words in " ".join(capsys.readouterr().out.split())


def test_the_readmes_worked_example_judges_as_it_says(install: Install) -> None:
    assert new("my_env") == 0
    package = Path("my_env").resolve()
    scaffold_readme.follow(package / "README.md", package)
    install(package)
    env = resolve("my_env")
    from sdpo_gym.completion import Completion, FinishReason

    task, judge = env.tasks().by_id("km-1"), env.judge()
    assert "<answer>7</answer>" in task.messages[0].content
    assert "2500" not in task.messages[0].content
    for text, outcome, feedback in [
        ("<answer>7</answer> or rather <answer>2.5e3</answer>", "accepted", ""),
        ("<answer>2499</answer>", "wrong_answer", "2499 is too low."),
        ("<answer>" + "9" * 300 + "</answer>", "wrong_answer", "9" * 20 + " is too high."),
        ("<answer>2500", "no_answer", "Your output gives no answer in the form that was asked for."),
        ("", "no_answer", "Your output gives no answer in the form that was asked for."),
    ]:
        verdict = judge(task, Completion(text))
        assert (verdict.outcome, verdict.feedback) == (outcome, feedback)
    cut = judge(task, Completion("2.5 times", FinishReason.LENGTH))
    assert (cut.status, cut.outcome) == ("truncated", "truncated")
    assert judge(task, Completion("<answer>2500</answer> as", FinishReason.LENGTH)).passed


def test_the_scaffolds_own_data_reader(install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("my_env") == 0
    package = Path("my_env").resolve()
    scaffold_readme.follow(package / "README.md", package)
    install(package)
    rows = '{"id": "a", "question": "How many feet are 2 yards?", "answer": "6"}\n'
    (tmp_path / "test.jsonl").write_text(rows)
    tasks = resolve("my_env").tasks(None, str(tmp_path))
    assert (tasks.name, tasks.ids, tasks.is_sample) == ("my_env", ("a",), False)
    assert tasks.revision.startswith("sha256:")
    (tmp_path / "test.jsonl").write_text(rows * 2)
    for data, words in [(str(tmp_path), "test.jsonl:2: id 'a' occurs again, first in"), ("hub", "no data on the hub")]:
        assert main(["eval", "my_env", "--policy", "scripted:gold", "--data", data]) == 2
        assert words in capsys.readouterr().err
    assert main(["eval", "my_env", "--policy", "scripted:gold", "--data", "sample", "--split", "dev"]) == 2
    assert "my_env has the splits test, got 'dev'" in capsys.readouterr().err


@pytest.mark.parametrize("filled", [False, True])
def test_a_scaffold_is_clean_python_and_holds_nothing_unrendered(tmp_path: Path, filled: bool) -> None:
    assert new("my_env") == 0
    package = Path("my_env")
    if filled:
        scaffold_readme.follow(package / "README.md", package)
    files = [path for path in package.rglob("*") if path.is_file()]
    assert len(files) == 10
    for path in files:
        assert "$" not in path.read_text()
        assert path.suffix != ".tmpl"
        if path.suffix == ".py":
            py_compile.compile(str(path), cfile=str(tmp_path / "compiled"), doraise=True)
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert ruff, "this test needs ruff"
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [ruff, *command, "--config", str(ROOT / "pyproject.toml"), "my_env/src"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_next_two_commands_are_printed_for_this_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = tmp_path / "my programs"
    programs.mkdir()
    (programs / "sdpo-gym").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(programs))
    assert new("my_env") == 0
    install, check = capsys.readouterr().out.splitlines()[-2:]
    assert install == f"  '{programs}/python' -m pip install -e my_env"
    assert check == "  sdpo-gym check my_env"
    monkeypatch.setenv("PATH", "/nowhere")
    assert new("my_other", "--directory", "a package") == 0
    install, check = capsys.readouterr().out.splitlines()[-2:]
    assert install == f"  '{programs}/python' -m pip install -e 'a package'"
    assert check == f"  '{programs}/sdpo-gym' check my_other"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My_env", "lower-case letters"),
        ("1st", "lower-case letters"),
        ("my-env", "lower-case letters"),
        ("my__env", "lower-case letters"),
        ("_env", "lower-case letters"),
        ("../up", "lower-case letters"),
        ("größe", "lower-case letters"),
        ("e\n", "lower-case letters"),
        ("e" * 41, "lower-case letters"),
        ("lambda", "a keyword of Python; choose another name, such as lambda_env"),
        ("json", "a module of Python's standard library"),
        ("toy_small", "'toy_small' is taken by the installed environment Toy-v0"),
        ("toy", "'toy' is taken by the installed environment Toy-v0"),
        ("lcb_v6", "taken by the installed environment LiveCodeBench-v0"),
    ],
)
@pytest.mark.parametrize("where", [[], ["--in-tree"]])
def test_a_name_that_cannot_be_used_is_refused(
    name: str, words: str, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert toy_env.SPEC.name == "Toy-v0"
    assert new(name, *where) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert everything_below(Path()) == []


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nothing")])
def test_nothing_is_overwritten(make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]) -> None:
    make(Path("my_env"))
    assert new("my_env") == 2
    assert "my_env exists, and nothing is overwritten" in capsys.readouterr().err
    assert everything_below(Path()) == ["my_env"]


def test_a_folder_that_is_not_there_or_not_ours_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert new("my_env", "--directory", "no/where") == 2
    assert "no/where cannot be made: there is no folder no" in capsys.readouterr().err
    assert new("my_env", "--directory", "x" * 300) == 2
    assert "cannot be written: File name too long" in capsys.readouterr().err
    assert new("my_env", "--directory", "x", "--in-tree") == 2
    assert "exclude each other" in capsys.readouterr().err
    assert everything_below(Path()) == []


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_half_written(
    failure: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text = Path.write_text

    def full(path: Path, text: str, **options: str) -> int:
        if path.name == "judge.py":
            raise failure
        return write_text(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    assert new("my_env") == (2 if isinstance(failure, OSError) else 130)
    assert everything_below(Path()) == []


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of sdpo_gym, as far as it matters; the command is run in a folder of it."""
    root = Path.cwd()
    for folder in ("envs/sdpo_envs", "tests/envs", "docs"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", root)
    monkeypatch.chdir(root / "docs")
    return root


def test_in_tree_makes_the_environments_folder_and_its_test(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything_below(checkout)
    assert new("my_env", "--in-tree") == 0
    out = capsys.readouterr().out
    assert '  MyEnv-v0 = "sdpo_envs.my_env.env:SPEC"\n' in out
    assert f"pip install -e {checkout}" in out
    made = set(everything_below(checkout)) - set(before)
    assert {path for path in made if not path.endswith(("my_env", ".py", ".toml", ".jsonl"))} == {
        "envs/sdpo_envs/my_env/README.md"
    }
    assert "tests/envs/my_env/test_env.py" in made
    assert len(made) == 8 + 3
    scaffold_readme.follow(checkout / "envs/sdpo_envs/my_env/README.md", checkout)
    done = subprocess.run([sys.executable, "-c", _LOAD_IN_TREE], cwd=checkout / "envs", capture_output=True, text=True)
    assert done.stdout == "MyEnv-v0 4 True\n", done.stderr


_LOAD_IN_TREE = """
import sdpo_envs
sdpo_envs.__path__.insert(0, "sdpo_envs")
from sdpo_envs.my_env.env import SPEC
from sdpo_gym import Completion
tasks = SPEC.tasks()
print(SPEC.name, len(tasks), SPEC.judge()(tasks[0], Completion(tasks.gold(tasks[0]))).passed)
"""


@pytest.mark.parametrize("taken", ["envs/sdpo_envs/my_env", "tests/envs/my_env"])
def test_in_tree_overwrites_neither_folder(checkout: Path, taken: str, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / taken).mkdir()
    before = everything_below(checkout)
    assert new("my_env", "--in-tree") == 2
    assert f"{checkout / taken} exists" in capsys.readouterr().err
    assert everything_below(checkout) == before


def test_in_tree_takes_the_first_folder_back_if_the_second_cannot_be_moved(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything_below(checkout)
    rename = Path.rename

    def blocked(path: Path, target: Path) -> Path:
        if "tests" in target.parts[len(checkout.parts) :]:
            raise OSError(39, "Directory not empty")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", blocked)
    assert new("my_env", "--in-tree") == 2
    assert everything_below(checkout) == before


def test_in_tree_needs_a_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    for content in ("project = 3", "no toml", '[project]\nname = "other"'):
        Path("pyproject.toml").write_text(content)
        assert new("my_env", "--in-tree") == 2
        err = capsys.readouterr().err
        assert f"{Path.cwd()} lies in no checkout of sdpo_gym" in err
        assert err.count("\n") == 1
    assert everything_below(Path()) == ["pyproject.toml"]


@pytest.mark.parametrize(("name", "expected"), [("my_env", "MyEnv"), ("gsm8k", "Gsm8k"), ("a_1b", "A1b")])
def test_camel(name: str, expected: str) -> None:
    assert scaffold.camel(name) == expected
