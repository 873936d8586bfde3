"""Task sets and the library ``datasets``: files as rows, a task set as a Dataset, and a Dataset as a task set.

Columns of a task set's Dataset:

- ``task_id``: text.
- ``prompt``: list of ``{"role", "content"}``, the conversational format of TRL.
- ``meta``: JSON text of an object, because tasks differ in keys and types, which a column cannot.
- ``payload_<key>`` where all values of a payload key are texts, else ``payload_json_<key>`` with JSON texts; null where
  a task lacks the key. Keys that begin with ``json_`` take the second form, so that a column's name tells what it is.

``dataset.info.description`` holds the set's name, split, revision, window, notice, digest and whether it is a sample,
as JSON. The library keeps it in ``save_to_disk``, not in Parquet or JSON files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sdpo_gym.data.hub import HubFile, cache_home, fetch
from sdpo_gym.data.rows import read_rows
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.task import ListTaskSet, Message, MetaValue, Role, Task, TaskSet, canonical_json

if TYPE_CHECKING:
    import datasets

_PAYLOAD, _JSON = "payload_", "json_"
_KEPT = ("name", "split", "revision", "window", "notice", "is_sample")
_BATCH_CHARS = 32 << 20  # how much is held before it is written: one payload can be tens of megabytes
_BATCH_ROWS = 1000


def load_json(file: HubFile) -> datasets.Dataset:
    """Return the rows of a pinned JSON-lines file (whatever its name ends in) as a Dataset in memory.

    A column holds what the lines hold: null where a row lacks it, texts as texts. The library's own JSON reader is not
    used, because it turns texts that look like dates into datetimes. Nothing but the file is cached, so the rows are
    never older than the file.

    Raises:
        MissingExtraError: if datasets is not installed.
        OutageError: if the file is neither cached nor to be had, or is not the pinned one.
        UsageError: if it is no JSON lines, or a column mixes types, such as numbers and texts; it names the file.
    """
    library = _library()
    import pyarrow  # type: ignore[import-untyped]

    path = fetch(file)
    try:
        rows = [row.fields for row in read_rows(path)[0]]
    except UsageError as error:
        raise UsageError(f"{file} is not a file of JSON lines: {error}") from None
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        try:
            columns[name] = pyarrow.array([row.get(name) for row in rows])
        except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise UsageError(f"{file}: column {name!r} cannot be stored as one type: {_one_line(error)}") from None
    return library.Dataset(pyarrow.table(columns))


def to_dataset(tasks: TaskSet, payload: Sequence[str] = ()) -> datasets.Dataset:
    """Return a task set as a Dataset with the columns that this module describes; gold is never one of them.

    With payload, rows are streamed into an Arrow file in ``arrow`` below ``cache_home()``, named by the set's digest
    and the keys, and mapped into memory; without, they are held in memory. Either way every payload is read once for
    the digest, which the description holds.

    Args:
        tasks: the task set.
        payload: the payload keys that get a column; they may hold answers, so nothing that a policy sees should.

    Raises:
        MissingExtraError: if datasets is not installed.
        UsageError: if no task has such a payload key, or a task holds what cannot be stored.
    """
    library = _library()
    asked = tuple(dict.fromkeys([payload] if isinstance(payload, str) else payload))
    columns = _payload_columns(tasks, asked)
    text = library.Value("string")
    features = library.Features(
        {"task_id": text, "prompt": [{"role": text, "content": text}], "meta": text, **dict.fromkeys(columns, text)}
    )
    try:
        about = {name: getattr(tasks, name) for name in _KEPT} | {"digest": tasks.digest}
        info = library.DatasetInfo(description=json.dumps({"sdpo_gym": about}), features=features)
        if not asked:
            return _in_memory(library, _rows(tasks, {}), info)
        return library.Dataset.from_file(str(_arrow_file(tasks, columns, features.arrow_schema)), info=info)
    except UsageError:
        raise
    except (ValueError, TypeError) as error:  # no JSON, such as NaN or bytes, or no valid Unicode
        raise UsageError(f"task set {tasks.name!r} cannot be a Dataset: {_one_line(error)}") from None


def from_dataset(
    dataset: datasets.Dataset, *, name: str | None = None, split: str | None = None, revision: str | None = None
) -> ListTaskSet:
    """Return a Dataset as a task set: one that ``to_dataset`` made, or one's own.

    One's own needs a column ``prompt``: a text (the user's message) or a list of ``{"role", "content"}``. It may have
    ``task_id`` (else the row numbers from 0), ``meta`` (JSON text or a mapping of scalars) and ``payload_*`` (what the
    judge needs, of any type that JSON knows). Nulls are left out.

    If the description says which set the Dataset was made from, its name, split, revision, window, notice and whether
    it is a sample are restored; if the tasks are no longer the same (rows selected, payload left out), the notice says
    so, too.

    Args:
        dataset: the rows, one split.
        name: what records call the set; default as described, else ``dataset``.
        split: default as described, else the Dataset's own, else ``test``.
        revision: default as described, else the digest of the tasks.

    Raises:
        MissingExtraError: if datasets is not installed.
        UsageError: if a column or a value is not as it must be; it names column and row.
    """
    if not isinstance(dataset, _library().Dataset):
        raise UsageError(
            f"a task set is made from a datasets.Dataset, got {type(dataset).__name__}; of several splits, give one"
        )
    _check_columns(dataset.column_names)
    tasks = [_task(number, row) for number, row in enumerate(dataset.with_format(None))]
    about = _description(dataset.info.description)
    notice = about.get("notice", "")
    try:
        made = ListTaskSet(tasks, name=name or about.get("name", "dataset"))
        digest = made.digest
    except ValueError as error:  # ids that are not unique, or a payload that JSON does not know
        raise UsageError(f"not a set of tasks: {_one_line(error)}") from None
    if about and about.get("digest") != digest:
        changed = (
            f"its tasks differ from those of {about.get('name')} with digest {str(about.get('digest'))[:8]}, "
            "of which it was made: rows or payload were left out or changed"
        )
        notice = f"{notice}; {changed}" if notice else changed
    made.split = split or about.get("split") or str(dataset.split or "test")
    made.revision = revision or about.get("revision") or f"sha256:{digest[:16]}"
    made.window, made.notice, made.is_sample = about.get("window", ""), notice, about.get("is_sample", False)
    return made


def _payload_columns(tasks: TaskSet, asked: Sequence[str]) -> dict[str, str]:
    """Return the payload key of each column; whether a key needs JSON is known only when every task was looked at."""
    if not asked:
        return {}
    known: dict[str, None] = {}
    not_text: set[str] = set()
    for task in tasks:
        known.update(dict.fromkeys(task.payload))
        not_text.update(key for key in asked if key in task.payload and not isinstance(task.payload[key], str))
    missing = [key for key in asked if key not in known]
    if missing:
        keys = ", ".join(map(repr, known)) or "none"
        raise UsageError(f"no task of {tasks.name!r} has the payload key {missing[0]!r}; its keys are {keys}")
    return {
        f"{_PAYLOAD}{_JSON}{key}" if key in not_text or key.startswith(_JSON) else f"{_PAYLOAD}{key}": key
        for key in asked
    }


def _rows(tasks: TaskSet, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        row: dict[str, Any] = {
            "task_id": task.id,
            "prompt": [{"role": m.role, "content": m.content} for m in task.messages],
            "meta": json.dumps(dict(task.meta), allow_nan=False),
        }
        for column, key in columns.items():
            value = task.payload.get(key)
            if column.startswith(_PAYLOAD + _JSON):
                row[column] = json.dumps(value, allow_nan=False) if key in task.payload else None
            else:
                row[column] = value
        yield row


def _in_memory(library: Any, rows: Iterator[dict[str, Any]], info: Any) -> datasets.Dataset:
    import pyarrow

    table = pyarrow.Table.from_pylist(list(rows), schema=info.features.arrow_schema)
    return library.Dataset(table, info=info)


def _arrow_file(tasks: TaskSet, columns: Mapping[str, str], schema: Any) -> Path:
    """Write the rows to a file that is named by what it holds, unless it is there already."""
    import pyarrow

    identity = hashlib.sha256(canonical_json([tasks.digest, list(columns), str(schema)])).hexdigest()
    path = cache_home() / "arrow" / f"{identity}.arrow"
    if path.is_file():
        return path
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream, pyarrow.ipc.new_stream(stream, schema) as writer:
            for batch in _batches(_rows(tasks, columns), columns):
                writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; set SDPO_GYM_CACHE elsewhere") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return path


def _batches(rows: Iterator[dict[str, Any]], columns: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    chars = 0
    for row in rows:
        batch.append(row)
        chars += sum(len(row[column] or "") for column in columns)
        if len(batch) >= _BATCH_ROWS or chars >= _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _check_columns(names: Sequence[str]) -> None:
    if "prompt" not in names:
        raise UsageError(f"the Dataset has no column 'prompt'; it has {', '.join(map(repr, names)) or 'none'}")
    strange = [n for n in names if n not in ("task_id", "prompt", "meta") and not n.startswith(_PAYLOAD)]
    if strange:
        raise UsageError(
            f"the Dataset has columns that no task has: {', '.join(map(repr, strange))}; remove_columns() what is not "
            "needed, rename_column() what the judge needs to payload_<key>; known are task_id, prompt, meta, payload_*"
        )
    keys = [_payload_key(n) for n in names if n.startswith(_PAYLOAD)]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise UsageError(f"two columns hold the payload key {twice!r}; keep one")


def _payload_key(column: str) -> str:
    return column.removeprefix(_PAYLOAD).removeprefix(_JSON)


def _task(number: int, row: Mapping[str, Any]) -> Task:
    task_id = row.get("task_id", number)
    if isinstance(task_id, bool) or not isinstance(task_id, str | int) or task_id == "":
        raise UsageError(f"row {number}: 'task_id' must be a text that is not empty, got {task_id!r:.80}")
    payload = {}
    for column, value in row.items():
        if column.startswith(_PAYLOAD) and value is not None:
            is_json = column.startswith(_PAYLOAD + _JSON)
            payload[_payload_key(column)] = _from_json(number, column, value) if is_json else value
    try:
        canonical_json(payload)
    except (ValueError, TypeError) as error:
        raise UsageError(f"row {number}: the payload must be what JSON can hold: {_one_line(error)}") from None
    return Task(str(task_id), _messages(number, row["prompt"]), payload, _meta(number, row.get("meta")))


def _messages(number: int, prompt: Any) -> tuple[Message, ...]:
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not isinstance(turns, list) or not turns:
        raise UsageError(
            f"row {number}: 'prompt' must be a text or a list of {{'role', 'content'}}, got {prompt!r:.80}"
        )
    messages = []
    for turn in turns:
        held = {key: value for key, value in turn.items() if value is not None} if isinstance(turn, dict) else {}
        role: Any = held.get("role")
        content = held.get("content")
        if set(held) != {"role", "content"} or role not in get_args(Role) or not isinstance(content, str):
            raise UsageError(
                f"row {number}: a message of 'prompt' must be {{'role', 'content'}} with a text and one of the roles "
                f"{', '.join(get_args(Role))}, got {turn!r:.80}"
            )
        messages.append(Message(role, content))
    return tuple(messages)


def _meta(number: int, value: Any) -> dict[str, MetaValue]:
    meta = _from_json(number, "meta", value) if isinstance(value, str) else value
    if meta is None:
        return {}
    if not isinstance(meta, dict):
        raise UsageError(f"row {number}: 'meta' must be a mapping or its JSON text, got {value!r:.80}")
    meta = {key: entry for key, entry in meta.items() if entry is not None}
    for key, entry in meta.items():
        if not isinstance(entry, str | int | float) or (isinstance(entry, float) and not math.isfinite(entry)):
            raise UsageError(
                f"row {number}: value {key!r} of 'meta' must be a text or a finite number, got {entry!r:.80}"
            )
    return meta


def _from_json(number: int, column: str, text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"row {number}: {column!r} must be JSON text ({_one_line(error)}), got {text!r:.80}") from None


def _description(text: str) -> dict[str, Any]:
    """Return what ``to_dataset`` wrote; empty for a Dataset of other making."""
    try:
        about = json.loads(text)["sdpo_gym"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("datasets", "hub") from None
    return datasets


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]
