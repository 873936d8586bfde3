"""The task sets: the SDPO paper's splits of SciKnowEval, local data in the same form, or our own sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sdpo_envs.sciknoweval.prompts import render_system, render_user
from sdpo_envs.sciknoweval.rows import Entry, Question, parse_hub, parse_local
from sdpo_envs.sciknoweval.source import (
    ALL,
    CARD,
    SAMPLE,
    SPLITS,
    LocalFile,
    Subject,
    hub_file,
    hub_rows,
    local_files,
    pins,
    subjects_of,
)
from sdpo_gym.data.rows import read_rows
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.task import ListTaskSet, Message, MetaValue, Task

SAMPLE_NOTICE = "this is sdpo_gym's own sample set, not SciKnowEval"
GOLD = "<reasoning>\n...\n</reasoning>\n<answer>\n{answer}\n</answer>"


def make_tasks(
    split: str | None = None,
    data: str = "hub",
    *,
    subject: str = ALL,
    exclude_known_issues: bool = False,
) -> ListTaskSet:
    """Make a task set.

    Args:
        split: ``test`` (default) or ``train`` of the SDPO paper; the sample set is the same in both.
        data: ``hub`` (the pinned file), ``sample`` (our own questions), or a path to local files as the SDPO reference
            writes them: a file, a subject's folder with ``<split>.jsonl``, or a folder of such folders.
        subject: ``chemistry``, ``physics``, ``biology``, ``materials``, or ``all``.
        exclude_known_issues: whether to leave out the questions that the card lists under known_issues.

    Raises:
        UsageError: if the data cannot be read, a row is wrong, or nothing is left.
        OutageError: if the hub's file is not to be had or lacks a question of the split.
    """
    split = split or SPLITS[0]
    if split not in SPLITS:
        raise UsageError(f"SciKnowEval has the splits {' and '.join(SPLITS)}, got {split!r}")
    subjects = subjects_of(subject)
    name = "sciknoweval" if len(subjects) > 1 else f"sciknoweval_{subjects[0]}"
    window, notice = f"the SDPO paper's {split} split", ""
    if data == "hub":
        entries, revision = _from_hub(name, split, subjects), CARD.source.revision
    elif data == "sample":
        entries, _ = _from_files([LocalFile(SAMPLE, None)], subjects, data)
        name, revision, window, notice = f"{name}_sample", "sample", "", SAMPLE_NOTICE
    else:
        entries, revision = _from_files(local_files(data, split, subjects), subjects, data)
        if notice := _local_notice(entries, split, subjects):
            window = ""
    if exclude_known_issues:
        entries = [entry for entry in entries if entry.id not in CARD.known_issues]
        window = ", ".join(filter(None, (window, "without known issues")))
        if not entries:
            raise UsageError(f"every question of DATA={data} has a known issue, so none is left")
    tasks = [_task(entry) for entry in entries]
    return ListTaskSet(
        tasks,
        name=name,
        split=split,
        revision=revision,
        window=window,
        notice=notice,
        is_sample=data == "sample",
        gold={task.id: GOLD.format(answer=task.payload["answer"]) for task in tasks},
    )


def _from_hub(name: str, split: str, subjects: Sequence[Subject]) -> list[Entry]:
    wanted = {pin.digest for subject in subjects for pin in pins(subject, split)}
    found: dict[str, Question] = {}
    for fields in hub_rows():
        question = parse_hub(fields)
        if question and question.digest in wanted:
            found.setdefault(question.digest, question)
    entries, missing = [], []
    for subject in subjects:
        for pin in pins(subject, split):
            task_id = f"{subject}-{pin.idx}"
            if pin.digest in found:
                entries.append(Entry(task_id, subject, found[pin.digest]))
            else:
                missing.append(task_id)
    if missing:
        total = len(entries) + len(missing)
        raise OutageError(
            f"{hub_file()} lacks {len(missing):,} of the {total:,} questions of {name}'s {split} split (the first is "
            f"{missing[0]}), so its scores would be of something else; read local files with DATA=path, "
            "or use DATA=sample"
        )
    return entries


def _from_files(files: Sequence[LocalFile], subjects: Sequence[Subject], data: str) -> tuple[list[Entry], str]:
    places: dict[str, str] = {}
    entries, digests = [], []
    for file in files:
        rows, digest = read_rows(file.path)
        digests.append(digest[:16])
        for row in rows:
            entry = parse_local(row, file)
            if entry.id in places:
                raise UsageError(
                    f"{row.where}: task {entry.id!r} occurs again, first in {places[entry.id]}; "
                    "each idx may occur once in a subject"
                )
            places[entry.id] = row.where
            entries.append(entry)
    chosen = [entry for entry in entries if entry.subject in subjects]
    if not chosen:
        raise UsageError(f"DATA={data} holds no question of {', '.join(subjects)}")
    return chosen, f"sha256:{'+'.join(digests)}"


def _local_notice(entries: Sequence[Entry], split: str, subjects: Sequence[Subject]) -> str:
    """Say how local data differs from the paper's split; nothing if it does not."""
    paper = Counter(pin.digest for subject in subjects for pin in pins(subject, split))
    here = Counter(entry.question.digest for entry in entries)
    if here == paper:
        return ""
    which = f"{subjects[0]} {split}" if len(subjects) == 1 else split
    shared, others = (here & paper).total(), (here - paper).total()
    return (
        f"local data, not the SDPO paper's {which} split: {shared:,} of its {paper.total():,} questions and "
        f"{others:,} others"
    )


def _task(entry: Entry) -> Task:
    question = entry.question
    meta: dict[str, MetaValue] = {"subject": entry.subject.value, "options": str(len(question.options))}
    if entry.difficulty:
        meta["difficulty"] = entry.difficulty
    if entry.id in CARD.known_issues:
        meta["known_issue"] = CARD.known_issues[entry.id]
    return Task(
        entry.id,
        (
            Message("system", render_system(tuple(question.options))),
            Message("user", render_user(question.text, question.options)),
        ),
        {"answer": question.answer, "options": dict(question.options)},
        meta,
    )
