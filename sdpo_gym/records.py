"""A run as a directory: ``run.json`` (what was run), ``attempts.jsonl`` (one line per turn), ``summary.json``.

Rows are appended as turns end and nothing is ever rewritten, so a run can be killed at any time and continued. The key
of a row is (task_digest, attempt, turn); of several rows with one key the last counts. Scores use the rows with
``done``; an attempt without one, also one that an outage ended, is made again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sdpo_gym.directories import flat, listed, plain, shown, take_lock, writer_of
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.rollout import Turn
from sdpo_gym.task import digest_of
from sdpo_gym.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
RUN_FILE, ATTEMPTS_FILE, SUMMARY_FILE = "run.json", "attempts.jsonl", "summary.json"

# What may differ between two sessions of one run. `n` and `limit` may only grow.
_GROWING = ("sampling.n", "limit")
_FREE = ("sessions", "env.card", "data.choice", "data.count", "rejudged_from")

_ELSEWHERE = "give another run directory (--out DIRECTORY; with make OUT=DIRECTORY)"

Key = tuple[str, int]


@dataclass(frozen=True)
class Result:
    """How one attempt ended, without its texts.

    Attributes:
        task_id: which task.
        task_digest: its digest.
        attempt: index of the attempt.
        turns: how many answers it took.
        reward: the last verdict's reward, None after an outage.
        passed: whether the task was solved.
        outcome: the last verdict's outcome, None after an outage.
        scores: the last verdict's scores, empty after an outage.
        error: the outage that ended it, None if there was none.
        answer: what the last verdict's detail records as ``answer``, see :class:`~sdpo_gym.verdict.Verdict`.
    """

    task_id: str
    task_digest: str
    attempt: int
    turns: int
    reward: float | None
    passed: bool
    outcome: str | None
    scores: Mapping[str, float]
    error: str | None
    answer: str | None = None

    @property
    def key(self) -> Key:
        """What the attempt is known by within its run."""
        return self.task_digest, self.attempt


def row_of(turn: Turn, ended: float) -> dict[str, Any]:
    """Return the line of ``attempts.jsonl`` for a turn that ended at ``ended`` (seconds since 1970)."""
    completion = turn.completion
    usage = completion.usage if completion else None
    return {
        "task_id": turn.request.task_id,
        "task_digest": turn.task_digest,
        "attempt": turn.request.attempt,
        "turn": turn.request.turn,
        "done": turn.done,
        "completion": completion.text if completion else None,
        "finish_reason": completion.finish_reason.value if completion else None,
        "tokens": {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens} if usage else None,
        **verdict_fields(turn.verdict),
        "times": {"generate_s": round(turn.generate_s, 4), "judge_s": round(turn.judge_s, 4), "ended": round(ended, 3)},
        "error": turn.error,
    }


def verdict_fields(verdict: Verdict | None) -> dict[str, Any]:
    """Return the part of a row that the judge is answerable for; without a verdict all of it is empty."""
    return {
        "reward": verdict.reward if verdict else None,
        "status": verdict.status.value if verdict else None,
        "outcome": verdict.outcome if verdict else None,
        "scores": dict(verdict.scores) if verdict else {},
        "feedback": verdict.feedback if verdict else None,
        "detail": dict(verdict.detail) if verdict else {},
    }


def result_of_row(row: Mapping[str, Any]) -> Result | None:
    """Return how an attempt ended, given one of its rows; None if this row does not end it."""
    if not row["done"] and row["error"] is None:
        return None
    return Result(
        task_id=row["task_id"],
        task_digest=row["task_digest"],
        attempt=row["attempt"],
        turns=row["turn"] + 1,
        reward=row["reward"],
        passed=row["status"] == "passed",
        outcome=row["outcome"],
        scores=row["scores"],
        error=row["error"],
        answer=_answer(row),
    )


def _answer(row: Mapping[str, Any]) -> str | None:
    detail = row.get("detail")
    answer = detail.get("answer") if isinstance(detail, dict) else None
    return answer if isinstance(answer, str) else None


def to_json(value: Any) -> str:
    """Serialise to strict JSON in one line of ASCII (so that lone surrogates survive).

    Raises:
        ValueError: if ``value`` holds what JSON cannot, NaN and infinities included.
    """
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def iter_rows(run: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a run in the order in which they were written; a torn last line is left out.

    Raises:
        UsageError: if a line is no row; it names file and line.
    """
    path = run / ATTEMPTS_FILE
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                result_of_row(row)
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(
                    f"{path}, line {number}: not a row of a run ({type(error).__name__}: {error}); delete that line to "
                    "have its attempt made again"
                ) from error
            yield row


def iter_attempts(run: Path) -> Iterator[list[dict[str, Any]]]:
    """Read the finished and the errored attempts of a run, each as its rows in turn order.

    An attempt that an outage ended and that was made again comes once for each time.
    """
    under_way: dict[Key, list[dict[str, Any]]] = {}
    for row in iter_rows(run):
        key = (row["task_digest"], row["attempt"])
        rows = under_way.setdefault(key, [])
        if row["turn"] == 0:
            rows.clear()
        rows.append(row)
        if result_of_row(row):
            yield under_way.pop(key)


def load_results(run: Path) -> dict[Key, Result]:
    """Read how every attempt of a run ended; one that an outage ended and that was made again counts as made again."""
    results = (result_of_row(row) for row in iter_rows(run))
    return {result.key: result for result in results if result}


def load_attempts(run: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the rows of a run as a pandas table, one line per (task_digest, attempt, turn), and seed of a search.

    Args:
        run: directory of the run.
        columns: which fields to keep, all without it; ``times.judge_s`` is a field within a field. Without the texts
            (completion, feedback, detail) a table takes a small part of the memory.

    Raises:
        UsageError: if a line is no row, or no row has one of the columns; it names the file and the column.
        MissingExtraError: if pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "board") from None
    paths = [column.split(".") for column in columns or ()]
    there: set[str] = set()
    rows: dict[tuple[Any, ...], Any] = {}
    for row in iter_rows(run):
        key = row["task_digest"], row["attempt"], row["turn"], row.get("seed")
        rows[key] = row if columns is None else [_field(row, path) for path in paths]
        if len(there) < len(paths):
            there |= {".".join(path) for path in paths if _has_field(row, path)}
    for column in columns or ():
        if rows and column not in there:
            raise UsageError(
                f"{run / ATTEMPTS_FILE} has no field {column!r}{suggestion(column, row)}; "
                f"its fields are {', '.join(row)}"
            )
    return pd.DataFrame(list(rows.values()), columns=None if columns is None else list(columns))


def _field(row: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return a field of a row, None where it lacks it."""
    value: Any = row
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _has_field(row: Mapping[str, Any], path: Sequence[str]) -> bool:
    inside = _field(row, path[:-1])
    return isinstance(inside, dict) and path[-1] in inside


def check_finished(run: Path) -> None:
    """Refuse a run that is still being written, or was interrupted and not continued.

    Raises:
        UsageError: saying which, and naming the file that shows it.
    """
    if (writer := writer_of(run)) is not None:
        raise UsageError(f"process {writer} is still writing to {run}; wait for it")
    path = run / ATTEMPTS_FILE
    if path.exists() and path.stat().st_size != _end_of_last_line(path):
        raise UsageError(
            f"{path}: its last line is torn, so the run was interrupted; the command that made it continues it"
        )
    if not (run / SUMMARY_FILE).exists():
        raise UsageError(
            f"{run} has no {SUMMARY_FILE}, so the run was interrupted; the command that made it continues it"
        )


def load_run(run: Path) -> dict[str, Any]:
    """Read a run's ``run.json``.

    Raises:
        UsageError: if it is not there, unreadable or of another format.
    """
    path = run / RUN_FILE
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{run} is not a run directory: cannot read {path} ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else record
        raise UsageError(f"{path} has format {found!r}; this version of sdpo_gym reads format {FORMAT}")
    return record


def load_evaluation(run: Path) -> dict[str, Any]:
    """Read ``run.json`` of an evaluation.

    Raises:
        UsageError: if it cannot be read, or is that of a training run, a search or a probe.
    """
    record = load_run(run)
    if kind := record.get("kind"):
        raise UsageError(f"{run} holds a run of kind {kind!r}; this takes runs of `sdpo-gym eval`")
    return record


def config_digest(run: Mapping[str, Any]) -> str:
    """Return the sha256 (hex) of all that two sessions of one run must have in common."""
    return digest_of({k: v for k, v in flat(plain(run)).items() if not _under(k, (*_GROWING, *_FREE))})


class RunDirectory:
    """A run directory open for writing, by this process alone.

    Args:
        path: the directory; made if it is not there.
        run: what is run, JSON-able; its ``sessions`` holds the one that begins now.

    Attributes:
        run: what ``run.json`` now holds, with the sessions of before.
        results: how the attempts ended so far.

    Raises:
        UsageError: if the directory holds something else or a run of another configuration, if another process is
            writing to it, or if it cannot be written.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        self._lock = -1
        self._attempts = -1
        try:
            with _writing(path):
                path.mkdir(parents=True, exist_ok=True)
                self._lock = take_lock(path, "give another --out")
            self._open(plain(run))
        except BaseException:
            self.close()
            raise

    def _open(self, run: dict[str, Any]) -> None:
        if (self.path / RUN_FILE).exists():
            old = load_run(self.path)
            _check_same(old, run, self.path)
            run["sessions"] = [*old["sessions"], *run["sessions"]]
        elif strange := [entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")]:
            raise UsageError(
                f"{self.path} is no run directory and not empty (it holds {strange[0]!r}); give another --out"
            )
        self.run = run
        self.write_json(RUN_FILE, run)
        self.results = load_results(self.path)
        attempts = self.path / ATTEMPTS_FILE
        with _writing(attempts):
            self._attempts = os.open(attempts, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._size = _end_of_last_line(attempts)
            os.truncate(attempts, self._size)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row, whole or not at all.

        Raises:
            ValueError: if the row holds what JSON cannot.
            UsageError: if it cannot be written (disk full); the rows before it are kept.
        """
        line = to_json(row).encode() + b"\n"
        try:
            with _writing(self.path / ATTEMPTS_FILE):
                written = 0
                while written < len(line):
                    written += os.write(self._attempts, line[written:])
        except UsageError:
            # If not even this works, the next session cuts the torn line off.
            with contextlib.suppress(OSError):
                os.ftruncate(self._attempts, self._size)
            raise
        self._size += len(line)
        if result := result_of_row(row):
            self.results[result.key] = result

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a file of the run at once or not at all.

        Raises:
            UsageError: if it cannot be written (disk full).
        """
        part = self.path / f".{name}.part"
        with _writing(self.path / name):
            part.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="ascii")
            part.replace(self.path / name)

    def close(self) -> None:
        """Give the directory up; may be called twice."""
        for descriptor in (self._attempts, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._attempts = self._lock = -1

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; what was written before is kept, and the same command continues "
            "from there"
        ) from error


def _end_of_last_line(path: Path, block: int = 1 << 16) -> int:
    """Return the offset behind the last newline."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


def _under(key: str, prefixes: tuple[str, ...]) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> None:
    was, now = flat(old), flat(new)
    differences = [
        f"{key} was {shown(was.get(key))}, is {shown(now.get(key))}"
        for key in dict.fromkeys([*was, *now])
        if was.get(key) != now.get(key) and not _under(key, (*_GROWING, *_FREE))
    ]
    if differences:
        raise UsageError(f"{path} holds a run of another configuration: {listed(differences)}; {_ELSEWHERE}")
    for key in _GROWING:
        before, after = was.get(key), now.get(key)
        if after is not None and (before is None or after < before):
            raise UsageError(
                f"{path} holds a run with {key} = {'all' if before is None else before}, which may grow but not shrink "
                f"to {after}; {_ELSEWHERE}"
            )
