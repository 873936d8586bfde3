"""The task sets: rows of a window, each as a prompt with the tests that only the judge may see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sdpo_envs.livecodebench.decode import decode_tests
from sdpo_envs.livecodebench.extraction import Extraction
from sdpo_envs.livecodebench.prompts import render_prompt
from sdpo_envs.livecodebench.rows import RowPayload, RowRef, parse_date, scan
from sdpo_envs.livecodebench.source import CARD, RECORDED, RELEASES, SAMPLE, Window, hub_paths, local_paths
from sdpo_gym.errors import UsageError
from sdpo_gym.options import choice
from sdpo_gym.task import Message, MetaValue, Task, TaskSet

SPLITS = ("test", "train")
SAMPLE_NOTICE = "this is sdpo_gym's own sample set, not LiveCodeBench"
_COUNTED_CHARS = 32 << 20  # local data up to this size is decoded once, to say how many hidden tests it has


class LiveCodeBenchTasks(TaskSet):
    """Problems with tests; rows stay in their files until they are asked for."""

    def __init__(
        self,
        refs: Sequence[RowRef],
        *,
        name: str,
        split: str,
        revision: str,
        window: str,
        notice: str,
        is_sample: bool,
        cpu_s: float,
        memory_mb: int,
        extraction: Extraction,
    ) -> None:
        self.name, self.split, self.revision = name, split, revision
        self.window, self.notice, self.is_sample = window, notice, is_sample
        self._refs = tuple(refs)
        self._cpu_s, self._memory_mb, self._extraction = cpu_s, memory_mb, extraction

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The question ids in the order of the files."""
        return tuple(ref.id for ref in self._refs)

    def load(self, index: int) -> Task:
        """Read one row and make its task; private tests stay in the file until the judge asks for them."""
        ref = self._refs[index]
        row = ref.read()
        prompt = render_prompt(
            row["question_content"],
            row["starter_code"],
            cpu_s=self._cpu_s,
            memory_mb=self._memory_mb,
            extraction=self._extraction,
        )
        return Task(ref.id, (Message("user", prompt),), RowPayload(ref, row), _meta(ref, row))

    def gold(self, task: Task) -> str | None:
        """Return the answer that is known to be right: the sample set's tasks have one, LiveCodeBench's have none."""
        return self._gold.get(task.id)

    @cached_property
    def _gold(self) -> dict[str, str]:
        if not self.is_sample:
            return {}
        rows = map(json.loads, RECORDED.read_text(encoding="utf-8").splitlines())
        return {row["task_id"]: row["gold"] for row in rows}


def make_tasks(
    split: str | None = None,
    data: str = "hub",
    *,
    date_from: str | None = None,
    date_until: str | None = None,
    release: str = "v6",
    exclude_known_issues: bool = False,
    cpu_s: float = 6.0,
    memory_mb: int = 2048,
    extraction: str = "last",
) -> LiveCodeBenchTasks:
    """Make a task set.

    Args:
        split: ``test`` or ``train``: the same problems; with ``shown_fraction`` the judge grades other tests.
        data: ``hub`` (pinned files), ``sample`` (our own problems), or a path to local files in the same schema.
        date_from: first contest date; None for no bound. The sample set has no dates to choose by.
        date_until: first contest date that is not taken; None for no bound.
        release: ``v1`` to ``v6``: which of the hub's files are read.
        exclude_known_issues: whether to leave out the problems that the card knows to be broken.
        cpu_s: CPU seconds per test, as the prompt states it.
        memory_mb: MiB per test, as the prompt states it.
        extraction: which code block counts, as the prompt states it.

    Raises:
        UsageError: if the data cannot be read, a row is wrong, or nothing is left.
        OutageError: if hub files are not to be had.
    """
    split = split or "test"
    if split not in SPLITS:
        raise UsageError(f"LiveCodeBench has the splits {' and '.join(SPLITS)}, got {split!r}")
    if release not in RELEASES:
        raise UsageError(f"LiveCodeBench has the releases {', '.join(RELEASES)}, got {release!r}")
    is_sample = data == "sample"
    window = Window() if is_sample else Window(_bound("from", date_from), _bound("until", date_until))
    if window.until and window.begin >= window.until:
        raise UsageError(f"the window is empty: from {window.begin} is not before until {window.until}")
    if is_sample:
        paths = [SAMPLE]
    elif data == "hub":
        paths = hub_paths(window, release)
    else:
        paths = local_paths(data, release)
    found, digest = _index(paths)
    chosen = _choose(found, window, exclude_known_issues, data)
    name = "lcb_sample" if is_sample else _name(window, release)
    return LiveCodeBenchTasks(
        chosen,
        name=name,
        split=split,
        revision={"sample": "sample", "hub": CARD.source.revision}.get(data, f"sha256:{digest}"),
        window="" if is_sample else str(window) + (", without known issues" if exclude_known_issues else ""),
        notice=SAMPLE_NOTICE if is_sample else "" if data == "hub" else _local_notice(chosen, name),
        is_sample=is_sample,
        cpu_s=cpu_s,
        memory_mb=memory_mb,
        extraction=choice(Extraction, "extraction", extraction),
    )


def _index(paths: Sequence[Path]) -> tuple[list[RowRef], str]:
    places: dict[str, RowRef] = {}
    digests = []
    for path in paths:
        refs, digest = scan(path)
        digests.append(digest[:16])
        for ref in refs:
            if ref.id in places:
                first = places[ref.id]
                raise UsageError(
                    f"{path}:{ref.line}: question_id {ref.id!r} occurs again, first in {first.path}:{first.line}; "
                    "each question may occur once"
                )
            places[ref.id] = ref
    return list(places.values()), "+".join(digests)


def _choose(found: Sequence[RowRef], window: Window, exclude_known_issues: bool, data: str) -> list[RowRef]:
    if not found:
        raise UsageError(f"DATA={data} holds no rows")
    chosen = [ref for ref in found if ref.date in window]
    if not chosen:
        dates = [ref.date[:10] for ref in found]
        raise UsageError(f"no row of DATA={data} has a {window}; its dates run from {min(dates)} to {max(dates)}")
    if exclude_known_issues:
        chosen = [ref for ref in chosen if ref.id not in CARD.known_issues]
        if not chosen:
            raise UsageError(f"every row of DATA={data} in the window has a known issue, so none is left")
    return chosen


def _bound(which: str, date: str | None) -> str:
    return parse_date(f"--{which}", date)[:19].removesuffix("T00:00:00") if date else ""


def _name(window: Window, release: str) -> str:
    for alias, known in CARD.windows.items():
        if release == "v6" and (known.begin, known.until) == (window.begin, window.until):
            return alias
    if window == Window():
        return f"release_{release}"
    dates = "_".join(bound or "any" for bound in (window.begin, window.until))
    return f"lcb_{dates}" if release == "v6" else f"lcb_{release}_{dates}"


def _local_notice(refs: Sequence[RowRef], name: str) -> str:
    """Say what local data lacks of the window it is called by, and how many hidden tests it has."""
    known = CARD.windows.get(name)
    parts = [f"{len(refs):,} of the {known.count:,} tasks of {name}" if known else f"{len(refs):,} tasks"]
    bare = sum(not ref.private_chars for ref in refs)
    if bare:
        parts.append(f"{bare:,} of them without hidden tests")
    if bare < len(refs) and sum(ref.private_chars for ref in refs) <= _COUNTED_CHARS:
        hidden = sum(len(decode_tests(ref.id, RowPayload(ref, ref.read())).private) for ref in refs)
        parts.append(f"{hidden:,} hidden tests")
    return f"local data: {', '.join(parts)}"


def _meta(ref: RowRef, row: dict[str, Any]) -> dict[str, MetaValue]:
    meta: dict[str, MetaValue] = {
        "difficulty": row["difficulty"],
        "platform": row["platform"],
        "date": ref.date[:10],
    }
    title = row.get("question_title")
    if isinstance(title, str) and title:
        meta["title"] = title
    if ref.id in CARD.known_issues:
        meta["known_issue"] = CARD.known_issues[ref.id]
    return meta
