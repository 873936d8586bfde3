"""Pinned files of the Hugging Face hub: cached, checked against their sha256, usable without a network."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sdpo_gym.errors import MissingExtraError, OutageError

logger = logging.getLogger(__name__)

REACH_S = 10.0  # how long the hub may take to answer at all
_HINT = "read local files with DATA=path, or use DATA=sample"


@dataclass(frozen=True)
class HubFile:
    """One file of a hub repository at one commit.

    Attributes:
        repo: ``owner/name``.
        revision: full commit hash.
        name: path within the repository.
        sha256: hex digest of its content; empty where unknown, then the first download's digest is recorded.
        bytes: its size; 0 where unknown.
        repo_type: what kind of repository it is.
    """

    repo: str
    revision: str
    name: str
    sha256: str
    bytes: int
    repo_type: Literal["dataset", "model"] = "dataset"

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision[:8]}/{self.name}"


def offline() -> bool:
    """Whether the network is switched off by ``SDPO_GYM_OFFLINE`` or ``HF_HUB_OFFLINE``."""
    on = ("1", "true", "yes", "on")
    return any(os.environ.get(name, "").lower() in on for name in ("SDPO_GYM_OFFLINE", "HF_HUB_OFFLINE"))


def fetch(file: HubFile) -> Path:
    """Return the local path of a pinned file, downloading it if it is not in the hub's cache.

    Its sha256 is computed once per cached file; the result is recorded in ``sdpo_gym`` beside the cache and holds as
    long as size and time of the file stay the same.

    Raises:
        MissingExtraError: if huggingface_hub is not installed.
        OutageError: if the file is neither cached nor to be had, or is not the pinned one.
    """
    try:
        import huggingface_hub.constants
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub") from None
    cache = Path(os.environ.get("HF_HUB_CACHE") or huggingface_hub.constants.HF_HUB_CACHE)
    wanted: dict[str, Any] = {
        "repo_id": file.repo,
        "filename": file.name,
        "revision": file.revision,
        "repo_type": file.repo_type,
        "cache_dir": cache,
    }
    found = huggingface_hub.try_to_load_from_cache(**wanted)
    path = Path(found) if isinstance(found, str) else _download(file, wanted)
    _verify(file, path, cache.parent / "sdpo_gym")
    return path


def _download(file: HubFile, wanted: dict[str, Any]) -> Path:
    if offline():
        raise OutageError(f"{file} is not in the cache and the network is switched off; {_HINT}")
    import httpx
    import huggingface_hub.constants

    endpoint = os.environ.get("HF_ENDPOINT") or huggingface_hub.constants.ENDPOINT
    _reach(endpoint, file)
    logger.info("downloading %s (%.0f MB)", file, file.bytes / 1e6)
    try:
        return Path(huggingface_hub.hf_hub_download(**wanted, endpoint=endpoint, etag_timeout=REACH_S))
    except (OSError, httpx.HTTPError, ValueError) as error:  # the hub's own errors are among these three
        raise OutageError(f"cannot download {file}: {_one_line(error)}; {_HINT}") from error


def _reach(endpoint: str, file: HubFile) -> None:
    """Fail within REACH_S if the hub does not answer; in a thread, because a name look-up knows no timeout."""
    import httpx

    answer: list[Exception | None] = []

    def ask() -> None:
        try:
            httpx.head(endpoint, timeout=REACH_S, follow_redirects=False)
            answer.append(None)
        except Exception as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="hub-reach")
    thread.start()
    thread.join(REACH_S)
    if not answer or answer[0] is not None:
        why = _one_line(answer[0]) if answer and answer[0] else f"no answer within {REACH_S:.0f} s"
        raise OutageError(f"{file} is not in the cache and {endpoint} cannot be reached ({why}); {_HINT}")


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]


def _verify(file: HubFile, path: Path, records: Path) -> None:
    """Compare the file with its pin, or with the digest of the first download where the pin has none."""
    stat = path.stat()
    identity = hashlib.sha256(f"{file.repo}\n{file.revision}\n{file.name}".encode()).hexdigest()
    record = records / f"{identity}.json"
    known = _read_record(record)
    fresh = {"file": str(file), "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    if known and all(known.get(key) == value for key, value in fresh.items()):
        digest = str(known["sha256"])
    else:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    pin = file.sha256 or (str(known["sha256"]) if known else digest)
    if digest != pin:
        raise OutageError(
            f"{file} is not the pinned file: its sha256 is {digest}, pinned is {pin}; "
            f"delete {path} and {record} to download it again, or {_HINT}"
        )
    if not known or known.get("mtime_ns") != stat.st_mtime_ns:
        try:
            records.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps({**fresh, "sha256": digest}), encoding="utf-8")
        except OSError as error:  # a read-only cache: the digest is then computed every time
            logger.warning("cannot record the digest of %s in %s: %s", file, record, error)


def _read_record(record: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and "sha256" in value else None
