"""The task sets: a question about an API's tools as the prompt, the gold calls for the judge only."""

from __future__ import annotations

from collections.abc import Sequence

from sdpo_envs.tooluse import source
from sdpo_envs.tooluse.calls import Call, decode_calls, write_answer
from sdpo_envs.tooluse.casting import cast_toolalpaca
from sdpo_envs.tooluse.prompts import api_name, user_question
from sdpo_gym.data.rows import Row, read_rows
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.task import ListTaskSet, Message, MetaValue, Task

SPLITS = ("test", "train", "dev")
SAMPLE_NOTICE = "this is sdpo_gym's own sample set, not ToolAlpaca"


def make_tasks(split: str | None = None, data: str = "hub") -> ListTaskSet:
    """Make a task set.

    Args:
        split: ``test`` (the default), ``train``, or ``dev``, which is cast from a file of ToolAlpaca's own without
            what the test split asks. The sample set is the same for all.
        data: ``hub`` (the reference repository's files at the pinned commit), ``sample`` (our own tasks), or a path to
            a local file or directory.

    Raises:
        UsageError: if the data cannot be read, a row is wrong, training data ask what the test split asks, or nothing
            is left.
        OutageError: if pinned files are not to be had, or are not the test split that we know.
    """
    split = split or "test"
    if split not in SPLITS:
        raise UsageError(f"tooluse has the splits {', '.join(SPLITS)}, got {split!r}")
    if data == "sample":
        rows, _ = read_rows(source.SAMPLE)
        return _task_set(rows, "tooluse_sample", split, "sample", SAMPLE_NOTICE, is_sample=True)
    if split == "dev":
        return _dev(data)
    if data == "hub":
        rows, revision, notice = source.hub_rows(split), source.CARD.source.revision, ""
    else:
        rows, digest = source.local_rows(data, split)
        revision, notice = f"sha256:{digest[:16]}", ""
    asked = [source.question_digest(_question(row)) for row in rows]
    if data != "hub":
        notice = _local_notice(split, asked)
    if split == "train":
        _refuse_test_questions(rows, asked)
        if data == "hub" and len(rows) != source.COUNTS["train"]:
            notice = f"{len(rows):,} tasks, where the pinned file is known to hold {source.COUNTS['train']:,}"
    elif data == "hub" and (missing := len(set(source.known_questions()) - set(asked))):
        raise OutageError(
            f"the pinned test split lacks {missing} of the {source.COUNTS['test']} questions that it is known to ask; "
            "read local files with DATA=path, or use DATA=sample"
        )
    return _task_set(rows, "tooluse" if split == "test" else "tooluse_train", split, revision, notice)


def _dev(data: str) -> ListTaskSet:
    if data == "hub":
        raise UsageError(
            "split 'dev' is cast from ToolAlpaca's eval_simulated.json, which the reference repository does not have; "
            "give the file, or its directory, as DATA=path"
        )
    path = source.local_path(data, "dev")
    found, digest = cast_toolalpaca(path)
    known = frozenset(source.known_questions())
    rows = [row for row in found if source.question_digest(row.text("question")) not in known]
    if not rows:
        raise UsageError(f"every question of {path} is one of the test split's, so none is left for development")
    opened, undocumented = (sum(row.fields["gold"] == kind for row in rows) for kind in ("open", "undocumented"))
    parts = [f"{len(rows):,} tasks for development only"]
    if len(rows) < len(found):
        parts.append(f"about the same APIs as the {len(found) - len(rows):,} left out as the test split's")
    if opened:
        parts.append(f"{opened:,} with open gold values, such as ids that only an earlier call could tell")
    if undocumented:
        parts.append(f"{undocumented:,} with gold calls of tools that their prompts do not document")
    return _task_set(rows, "tooluse_dev", "dev", f"sha256:{digest[:16]}", ", ".join(parts))


def _task_set(
    rows: Sequence[Row], name: str, split: str, revision: str, notice: str, *, is_sample: bool = False
) -> ListTaskSet:
    tasks, gold, places = [], {}, dict[str, str]()
    for row in rows:
        task, calls = _task(row, "tooluse-sample" if is_sample else "tooluse")
        if task.id in places:
            raise UsageError(f"{row.where}: task id {task.id!r} occurs again, first in {places[task.id]}")
        places[task.id] = row.where
        tasks.append(task)
        gold[task.id] = write_answer(calls)
    return ListTaskSet(tasks, name=name, split=split, revision=revision, notice=notice, is_sample=is_sample, gold=gold)


def _task(row: Row, prefix: str) -> tuple[Task, tuple[Call, ...]]:
    prompt, answer = row.text("prompt"), row.text("answer")
    try:
        api = api_name(prompt)
    except ValueError as error:
        raise UsageError(f"{row.where}: field 'prompt' {error}") from None
    try:
        calls = decode_calls(answer)
    except ValueError as error:
        raise UsageError(f"{row.where}: field 'answer': {error}") from None
    for number, call in enumerate(calls, 1):
        if not isinstance(call.arguments, dict):
            raise UsageError(
                f"{row.where}: field 'answer': 'Action_Input' of gold call {number} must be a JSON object, "
                f"got {call.arguments!r:.80}"
            )
    meta: dict[str, MetaValue] = {"api": api, "calls": str(len(calls)) if len(calls) < 3 else "3+"}
    meta |= {key: row.text(key) for key in ("difficulty", "gold") if row.fields.get(key) is not None}
    task_id = _task_id(row, prefix)
    if task_id in source.CARD.known_issues:
        meta["known_issue"] = source.CARD.known_issues[task_id]
    return Task(task_id, (Message("user", prompt),), {"answer": answer}, meta), calls


def _task_id(row: Row, prefix: str) -> str:
    if "task_id" in row.fields:
        return row.text("task_id")
    idx = row.fields.get("idx")
    if type(idx) is not int:
        raise UsageError(f"{row.where}: field 'idx' must be a whole number, different in each row, got {idx!r:.80}")
    return f"{prefix}-{idx}"


def _question(row: Row) -> str:
    prompt = row.text("prompt")
    try:
        return user_question(prompt)
    except ValueError as error:
        raise UsageError(f"{row.where}: field 'prompt' {error}") from None


def _refuse_test_questions(rows: Sequence[Row], asked: Sequence[str]) -> None:
    known = {digest: number for number, digest in enumerate(source.known_questions(), 1)}
    overlap = [(row, digest) for row, digest in zip(rows, asked, strict=True) if digest in known]
    if overlap:
        row, digest = overlap[0]
        more = f", as do {len(overlap) - 1:,} more rows" if len(overlap) > 1 else ""
        raise UsageError(
            f"{row.where}: asks what the test split asks (its question {known[digest]}, sha256 {digest[:16]}){more}; "
            "training data must not hold test questions: remove the rows, or take SPLIT=test"
        )


def _local_notice(split: str, asked: Sequence[str]) -> str:
    """Say how local data compare with the pinned file of their split."""
    if split == "train":
        return f"local data: {len(asked):,} tasks (the pinned file holds {source.COUNTS['train']:,})"
    known = frozenset(source.known_questions())
    shared = len(known.intersection(asked))
    return f"local data: {len(asked):,} tasks, with {shared} of the {len(known)} questions of the test split"
