"""The task sets: from local files, from a faked hub, from the sample; and what is refused."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sdpo_envs.sciknoweval import source
from sdpo_envs.sciknoweval.source import CARD, SPLITS, Subject, pins
from sdpo_envs.sciknoweval.tasks import make_tasks
from sdpo_gym.errors import OutageError, UsageError
from shared_data import shared

ROOT = Path(__file__).resolve().parents[3]
SIZES = {
    ("test", "chemistry"): 210,
    ("test", "physics"): 80,
    ("test", "biology"): 50,
    ("test", "materials"): 94,
    ("train", "chemistry"): 1890,
    ("train", "physics"): 720,
    ("train", "biology"): 450,
    ("train", "materials"): 841,
}
IN_BOTH_SPLITS = {"test": "materials-365", "train": "materials-377"}


def row(idx: int = 0, **fields: Any) -> dict[str, Any]:
    prompt = f"What is {idx} + {idx}?\n\nA: {idx}\nB: {2 * idx}\nPlease reason step by step."
    return {"idx": idx, "kind": "mcq", "dataset": "x", "answer": "B", "prompt": prompt, "system": "", **fields}


def write(path: Path, *rows: dict[str, Any] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
    return path


def real() -> str:
    return str(shared("sciknoweval"))


def test_the_pinned_splits_have_the_papers_sizes_and_no_task_twice() -> None:
    assert {(split, subject.value): len(pins(subject, split)) for split in SPLITS for subject in Subject} == SIZES
    for subject in Subject:
        numbers = [pin.idx for split in SPLITS for pin in pins(subject, split)]
        assert sorted(numbers) == list(range(len(numbers)))


def test_one_question_lies_in_both_splits_and_the_card_says_so() -> None:
    digests = Counter(pin.digest for subject in Subject for split in SPLITS for pin in pins(subject, split))
    (twice,) = (digest for digest, count in digests.items() if count > 1)
    places = {
        split: f"materials-{p.idx}" for split in SPLITS for p in pins(Subject.MATERIALS, split) if p.digest == twice
    }
    assert places == IN_BOTH_SPLITS
    assert set(IN_BOTH_SPLITS.values()) <= set(CARD.known_issues)


def test_known_issues_are_of_tasks_that_exist() -> None:
    known = {f"{subject}-{pin.idx}" for subject in Subject for split in SPLITS for pin in pins(subject, split)}
    assert set(CARD.known_issues) <= known


def test_the_pins_are_those_of_the_real_data() -> None:
    path = ROOT / "envs/authoring/sciknoweval/pin_splits.py"
    if not path.exists():
        pytest.skip("the authoring scripts are not part of this distribution")
    spec = importlib.util.spec_from_file_location("pin_splits", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    built = module.build(Path(real()))
    assert built == {name: (source.HERE / "splits" / name).read_text(encoding="ascii") for name in built}
    assert len(built) == len(SIZES)


@pytest.mark.parametrize(("split", "subject"), SIZES)
def test_the_real_splits_load(split: str, subject: str) -> None:
    tasks = make_tasks(split, real(), subject=subject)
    assert len(tasks) == SIZES[split, subject]
    assert tasks.ids == tuple(f"{subject}-{pin.idx}" for pin in pins(Subject(subject), split))
    assert (tasks.name, tasks.split, tasks.notice) == (f"sciknoweval_{subject}", split, "")
    assert tasks.window == f"the SDPO paper's {split} split"
    assert tasks.revision.startswith("sha256:")
    assert {task.meta["subject"] for task in tasks} == {subject}
    for task in tasks:
        assert task.payload["answer"] in task.payload["options"]
        assert task.meta["options"] == str(len(task.payload["options"]))
        assert f"<answer>\n{task.payload['answer']}\n</answer>" in (tasks.gold(task) or "")


def test_two_option_questions_are_not_promised_four() -> None:
    tasks = make_tasks("train", real(), subject="biology")
    two = [task for task in tasks if task.meta["options"] == "2"]
    assert len(two) + sum(t.meta["options"] == "2" for t in make_tasks("test", real(), subject="biology")) == 200
    four = next(task for task in tasks if task.meta["options"] == "4")
    for task in two:
        system, user = task.messages
        assert system.content != four.messages[0].content
        assert "D" not in system.content.split("(")[1].split(")")[0]
        assert [line[0] for line in user.content.splitlines() if line[:3] in ("A: ", "B: ", "C: ", "D: ")][-2:] == [
            "A",
            "B",
        ]


def test_the_key_is_in_no_message(tmp_path: Path) -> None:
    one, other = (
        make_tasks(None, str(write(tmp_path / f"{key}.jsonl", row(5, answer=key))), subject="physics")[0]
        for key in "AB"
    )
    assert one.payload != other.payload
    assert one.messages == other.messages
    assert one.meta == other.meta


def test_questions_whose_right_option_stands_under_two_letters_are_known_issues() -> None:
    found = set()
    for split in SPLITS:
        for task in make_tasks(split, real()):
            right = task.payload["options"][task.payload["answer"]]
            if list(task.payload["options"].values()).count(right) > 1:
                found.add(task.id)
    assert found == set(CARD.known_issues) - set(IN_BOTH_SPLITS.values())


@pytest.mark.parametrize("split", SPLITS)
def test_all_subjects_come_in_order(split: str) -> None:
    tasks = make_tasks(split, real())
    assert tasks.name == "sciknoweval"
    assert len(tasks) == sum(size for (of, _), size in SIZES.items() if of == split)
    assert list(dict.fromkeys(task.meta["subject"] for task in tasks)) == list(Subject)


@pytest.mark.parametrize("split", SPLITS)
def test_known_issues_are_flagged_and_can_be_left_out(split: str) -> None:
    tasks = make_tasks(split, real(), subject="materials")
    flagged = [task.id for task in tasks if "known_issue" in task.meta]
    assert IN_BOTH_SPLITS[split] in flagged
    fewer = make_tasks(split, real(), subject="materials", exclude_known_issues=True)
    assert [i for i in tasks.ids if i not in flagged] == list(fewer.ids)
    assert fewer.window.endswith("without known issues")


@pytest.mark.parametrize("spelt", ["material", "materials"])
def test_both_names_of_materials_are_understood(spelt: str, tmp_path: Path) -> None:
    write(tmp_path / "data" / spelt / "test.jsonl", row())
    for data in (tmp_path / "data", tmp_path / "data" / spelt, tmp_path / "data" / spelt / "test.jsonl"):
        for subject in ("material", "materials"):
            assert make_tasks(None, str(data), subject=subject).ids == ("materials-0",)


def test_a_file_a_subjects_folder_or_the_root_will_do(tmp_path: Path) -> None:
    write(tmp_path / "biology" / "train.json", row(1), row(2))
    for data in (tmp_path, tmp_path / "biology", tmp_path / "biology" / "train.json"):
        tasks = make_tasks("train", str(data), subject="biology")
        assert tasks.ids == ("biology-1", "biology-2")
        assert tasks.name == "sciknoweval_biology"
    assert make_tasks("train", str(tmp_path / "biology")).ids == ("biology-1", "biology-2")


def test_a_file_elsewhere_has_the_subject_that_is_asked_for(tmp_path: Path) -> None:
    path = str(write(tmp_path / "mine.jsonl", row(3)))
    assert make_tasks(None, path, subject="physics").ids == ("physics-3",)
    with pytest.raises(UsageError, match=r"mine\.jsonl:1: .*say subject="):
        make_tasks(None, path)


def test_rows_of_several_subjects_are_told_apart(tmp_path: Path) -> None:
    path = str(write(tmp_path / "mine.jsonl", row(3, subject="physics"), row(3, subject="biology")))
    assert make_tasks(None, path).ids == ("physics-3", "biology-3")
    assert make_tasks(None, path, subject="biology").ids == ("biology-3",)
    with pytest.raises(UsageError, match="holds no question of chemistry"):
        make_tasks(None, path, subject="chemistry")


def test_a_folder_of_another_subject_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "physics" / "test.jsonl", row())
    for data in (path, path.parent):
        with pytest.raises(UsageError, match="folder of physics, but subject chemistry was asked for"):
            make_tasks(None, str(data), subject="chemistry")


def test_a_root_that_lacks_a_subject_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "physics" / "test.jsonl", row())
    with pytest.raises(UsageError, match=r"holds none of chemistry/test\.jsonl"):
        make_tasks(None, str(tmp_path))


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("{", r"test\.jsonl:2: is not JSON"),
        ("[]", r"test\.jsonl:2: must be a JSON object"),
        (row(1, prompt="What?"), r"test\.jsonl:2: the prompt has no options"),
        (row(1, answer="E"), r"test\.jsonl:2: field 'answer' is 'E'"),
        ({"idx": 1, "answer": "A"}, r"test\.jsonl:2: field 'prompt' is missing"),
        (row(0), r"test\.jsonl:2: task 'biology-0' occurs again, first in .*test\.jsonl:1"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(bad: dict[str, Any] | str, complaint: str, tmp_path: Path) -> None:
    path = write(tmp_path / "biology" / "test.jsonl", row(0), bad)
    with pytest.raises(UsageError, match=complaint):
        make_tasks(None, str(path), subject="biology")


@pytest.mark.parametrize(
    ("arguments", "options", "complaint"),
    [
        (("dev", "sample"), {}, "splits test and train, got 'dev'"),
        ((None, "sample"), {"subject": "alchemy"}, "must be one of chemistry, physics, biology, materials or all"),
        ((None, "/nowhere/at/all"), {}, "does not exist"),
        ((None, "/nowhere/at/all"), {"subject": "physics"}, "does not exist"),
    ],
)
def test_bad_options_are_refused(arguments: tuple[str | None, str], options: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_tasks(*arguments, **options)


def test_local_data_that_is_not_the_papers_says_so(tmp_path: Path) -> None:
    lines = shared("sciknoweval/biology/test.jsonl").read_text(encoding="utf-8").splitlines()
    path = write(tmp_path / "biology" / "test.jsonl", *lines[:30], row(10**6))
    tasks = make_tasks(None, str(path), subject="biology")
    assert "30 of its 50 questions and 1 others" in tasks.notice
    assert "biology test split" in tasks.notice
    assert tasks.window == ""
    train = make_tasks("test", str(shared("sciknoweval/biology/train.jsonl")), subject="biology")
    assert "0 of its 50 questions and 450 others" in train.notice


def test_another_key_is_another_question(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in shared("sciknoweval/biology/test.jsonl").read_text("utf-8").splitlines()]
    rows[0]["answer"] = "A" if rows[0]["answer"] == "B" else "B"
    path = write(tmp_path / "biology" / "test.jsonl", *rows)
    assert "49 of its 50 questions and 1 others" in make_tasks(None, str(path), subject="biology").notice


# The hub, faked as the folder that its cache is.


def hub_row(reference: dict[str, Any], domain: str) -> dict[str, Any]:
    """Turn a row of the reference into what the hub holds, with its white space."""
    body = reference["prompt"].removesuffix("\nPlease reason step by step.")
    labels = [label for label in "ABCD" if f"\n{label}: " in body]
    texts = []
    for label in reversed(labels):
        body, _, text = body.rpartition(f"\n{label}: ")
        texts.insert(0, text)
    return {
        "question": body.removesuffix("\n"),
        "choices": {"text": texts, "label": labels},
        "answer": "",
        "answerKey": reference["answer"],
        "type": f"mcq-{len(labels)}-choices",
        "domain": domain,
        "details": {"level": "L3", "task": "a task", "subtask": "a subtask", "source": "a source"},
    }


@pytest.fixture(scope="module")
def hub_rows() -> list[dict[str, Any]]:
    rows = []
    for folder in ("biology", "chemistry", "material", "physics"):
        lines = [
            json.loads(line)
            for split in SPLITS
            for line in shared(f"sciknoweval/{folder}/{split}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        rows += [hub_row(line, folder.capitalize()) for line in sorted(lines, key=lambda line: line["idx"])]
    other = {**rows[0], "question": "Explain.", "choices": {"text": [], "label": []}, "answerKey": "", "answer": "So."}
    return [{**other, "type": "open-ended-qa"}, *rows, {**rows[0], "question": "A question of another level?"}]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the pinned file lies in the cache; nothing else can be reached."""
    pytest.importorskip("huggingface_hub")
    pytest.importorskip("datasets")
    file = dataclasses.replace(CARD.source.files[0], sha256="", bytes=0, verified=False)
    card = dataclasses.replace(CARD, source=dataclasses.replace(CARD.source, files=(file,)))
    monkeypatch.setattr(source, "CARD", card)
    monkeypatch.setenv("SDPO_GYM_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    repo = tmp_path / "hf" / "hub" / f"datasets--{CARD.source.repo.replace('/', '--')}"
    return repo / "snapshots" / CARD.source.revision / file.name


@pytest.mark.slow
def test_every_split_loads_from_the_hub_as_from_local_files(hub: Path, hub_rows: list[dict[str, Any]]) -> None:
    write(hub, *hub_rows)
    for split in SPLITS:
        everything = make_tasks(split, "hub")
        assert everything.digest == make_tasks(split, real()).digest
        assert (everything.revision, everything.notice) == (CARD.source.revision, "")
        assert everything.window == f"the SDPO paper's {split} split"
    for (split, subject), size in SIZES.items():
        if size > 500:  # the big ones are in what was compared above
            continue
        tasks = make_tasks(split, "hub", subject=subject)
        assert len(tasks) == size
        assert tasks.name == f"sciknoweval_{subject}"
        assert tasks.digest == make_tasks(split, real(), subject=subject).digest


def test_a_question_that_the_hub_lacks_is_an_outage(hub: Path, hub_rows: list[dict[str, Any]]) -> None:
    lost = pins(Subject.PHYSICS, "test")[5]
    physics = [r for r in hub_rows if r["domain"] == "Physics"]
    write(hub, *physics[: lost.idx], *physics[lost.idx + 1 :])
    with pytest.raises(OutageError, match=rf"lacks 1 of the 80 questions .*physics-{lost.idx}.*DATA=path"):
        make_tasks("test", "hub", subject="physics")
    assert len(make_tasks("train", "hub", subject="physics")) == 720
    with pytest.raises(OutageError, match=r"lacks 210 of the 210 questions of sciknoweval_chemistry's test split"):
        make_tasks("test", "hub", subject="chemistry")


def test_a_changed_key_is_an_outage(hub: Path, hub_rows: list[dict[str, Any]]) -> None:
    physics = [dict(r) for r in hub_rows if r["domain"] == "Physics"]
    changed = physics[pins(Subject.PHYSICS, "test")[0].idx]
    changed["answerKey"] = "A" if changed["answerKey"] == "B" else "B"
    write(hub, *physics)
    with pytest.raises(OutageError, match="lacks 1 of the 80"):
        make_tasks("test", "hub", subject="physics")


def test_without_hub_and_cache_there_is_an_outage_and_no_fallback(hub: Path) -> None:
    shutil.rmtree(hub.parent, ignore_errors=True)
    with pytest.raises(OutageError, match="not in the cache and the network is switched off"):
        make_tasks(None, "hub")
