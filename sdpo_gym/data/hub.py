"""Pinned files of the Hugging Face hub and of GitHub: cached, checked by sha256, usable without a network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sdpo_gym.errors import MissingExtraError, OutageError

logger = logging.getLogger(__name__)

REACH_S = 10.0  # how long the hub may take to answer at all
GITHUB_RAW = "https://raw.githubusercontent.com"  # or a mirror in the same layout, by $SDPO_GYM_GITHUB_RAW
_HINT = "read local files with DATA=path, or use DATA=sample"


@dataclass(frozen=True)
class HubFile:
    """One file of a repository, on the hub or on GitHub, at one commit.

    Attributes:
        repo: ``owner/name``.
        revision: full commit hash.
        name: path within the repository.
        sha256: hex digest of its content; empty where unknown, then the first download's digest is recorded.
        bytes: its size; 0 where unknown.
        repo_type: a dataset or a model of the hub, or ``github``.
    """

    repo: str
    revision: str
    name: str
    sha256: str
    bytes: int
    repo_type: Literal["dataset", "model", "github"] = "dataset"

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision[:8]}/{self.name}"


def offline() -> bool:
    """Whether the network is switched off by ``SDPO_GYM_OFFLINE`` or ``HF_HUB_OFFLINE``."""
    on = ("1", "true", "yes", "on")
    return any(os.environ.get(name, "").lower() in on for name in ("SDPO_GYM_OFFLINE", "HF_HUB_OFFLINE"))


def cache_home() -> Path:
    """Return where we keep what the hub's own cache does not: ``$SDPO_GYM_CACHE``, else the user's cache directory."""
    if "SDPO_GYM_CACHE" in os.environ:
        return Path(os.environ["SDPO_GYM_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sdpo_gym"


def fetch(file: HubFile) -> Path:
    """Return the local path of a pinned file, downloading it if it is not in the cache.

    Files of the hub lie in the hub's own cache, files of GitHub in ``github`` below ``cache_home()``. A file's sha256
    is computed once; the result is recorded (in ``sdpo_gym`` beside the hub's cache, or in ``digests`` below
    ``cache_home()``) and holds as long as size and time of the file stay the same.

    Raises:
        MissingExtraError: if huggingface_hub is not installed and the file is on the hub.
        OutageError: if the file is neither cached nor to be had, or is not the pinned one.
    """
    return fetch_with_digest(file)[0]


def fetch_with_digest(file: HubFile) -> tuple[Path, str]:
    """Return what ``fetch`` returns, and the sha256 (hex) of the file's content."""
    if file.repo_type == "github":
        path, records = _from_github(file), cache_home() / "digests"
    else:
        path, records = _from_hub(file)
    return path, _verify(file, path, records)


def _from_hub(file: HubFile) -> tuple[Path, Path]:
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
    return path, cache.parent / "sdpo_gym"


def _download(file: HubFile, wanted: dict[str, Any]) -> Path:
    _refuse_offline(file)
    import httpx
    import huggingface_hub.constants

    endpoint = os.environ.get("HF_ENDPOINT") or huggingface_hub.constants.ENDPOINT
    _reach(endpoint, file)
    logger.info("downloading %s (%.0f MB)", file, file.bytes / 1e6)
    try:
        return Path(huggingface_hub.hf_hub_download(**wanted, endpoint=endpoint, etag_timeout=REACH_S))
    except (OSError, httpx.HTTPError, ValueError) as error:  # the hub's own errors are among these three
        raise OutageError(f"cannot download {file}: {_one_line(error)}; {_HINT}") from error


def _from_github(file: HubFile) -> Path:
    path = cache_home() / "github" / file.repo / file.revision / file.name
    if path.is_file():
        return path
    _refuse_offline(file)
    import httpx

    base = (os.environ.get("SDPO_GYM_GITHUB_RAW") or GITHUB_RAW).rstrip("/")
    _reach(base, file)
    logger.info("downloading %s (%.0f MB)", file, file.bytes / 1e6)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")  # renamed when it is whole and the pinned one
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        url = f"{base}/{file.repo}/{file.revision}/{quote(file.name)}"
        with httpx.stream("GET", url, timeout=REACH_S, follow_redirects=True) as answer, part.open("xb") as stream:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                digest.update(piece)
                stream.write(piece)
        found, pin = digest.hexdigest(), file.sha256
        if pin and found != pin:
            raise OutageError(f"{url} is not the pinned file: its sha256 is {found}, pinned is {pin}; {_HINT}")
        part.replace(path)
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise OutageError(f"cannot download {file}: {_one_line(error)}; {_HINT}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return path


def _refuse_offline(file: HubFile) -> None:
    if offline():
        raise OutageError(f"{file} is not in the cache and the network is switched off; {_HINT}")


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


def _verify(file: HubFile, path: Path, records: Path) -> str:
    """Compare the file with its pin, or with the digest of the first download where the pin has none; return it."""
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
    return digest


def _read_record(record: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and "sha256" in value else None
