from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sdpo_gym.data.hub import HubFile, cache_home, fetch, fetch_with_digest
from sdpo_gym.errors import MissingExtraError, OutageError
from sdpo_gym.sandbox import runtime

pytest.importorskip("huggingface_hub")

ROOT = Path(__file__).resolve().parent.parent.parent

CONTENT = b'{"question_id": "q1"}\n' * 1000
REVISION = "0123456789abcdef0123456789abcdef01234567"
FILE = HubFile("owner/set", REVISION, "test.jsonl", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@dataclass
class FakeHub:
    """A real HTTP server that answers as the hub does for one file."""

    content: bytes = CONTENT
    status: int = 200
    requests: list[str] = field(default_factory=list)

    def serve(self) -> http.server.ThreadingHTTPServer:
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                known = self.path == f"/datasets/owner/set/resolve/{REVISION}/test.jsonl"
                self.send_response(hub.status if known else 404)
                self.send_header("ETag", f'"{hashlib.sha256(hub.content).hexdigest()}"')
                self.send_header("X-Repo-Commit", REVISION)
                self.send_header("Content-Length", str(len(hub.content)))
                self.end_headers()

            def do_GET(self) -> None:
                self.do_HEAD()
                self.wfile.write(hub.content)

            def log_message(self, *args: object) -> None:
                return

        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SDPO_GYM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    return tmp_path / "hf"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDPO_GYM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    fake = FakeHub()
    server = fake.serve()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def test_downloads_once_and_then_needs_no_network(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetch(FILE).read_bytes() == CONTENT
    asked = len(hub.requests)
    assert any(request.startswith("GET") for request in hub.requests)
    assert fetch(FILE).read_bytes() == CONTENT
    assert len(hub.requests) == asked
    monkeypatch.setenv("SDPO_GYM_OFFLINE", "1")
    assert fetch(FILE).read_bytes() == CONTENT


def test_digest_is_computed_once_per_cached_file(hub: FakeHub, cache: Path) -> None:
    path = fetch(FILE)
    (record,) = (cache / "sdpo_gym").iterdir()
    known = json.loads(record.read_text())
    assert known["sha256"] == FILE.sha256
    record.write_text(json.dumps({**known, "sha256": "0" * 64}))  # believed as long as the file is the same ...
    with pytest.raises(OutageError, match="is not the pinned file"):
        fetch(FILE)
    path.resolve().touch()  # ... and no longer when it is another
    assert fetch(FILE) == path
    assert json.loads(record.read_text())["sha256"] == FILE.sha256


def test_file_that_is_not_the_pinned_one_is_refused(hub: FakeHub) -> None:
    hub.content = b"something else"
    found = hashlib.sha256(hub.content).hexdigest()
    for _ in range(2):
        with pytest.raises(OutageError, match=f"its sha256 is {found}, pinned is {FILE.sha256}"):
            fetch(FILE)


def test_changed_cache_is_noticed(hub: FakeHub) -> None:
    path = fetch(FILE)
    path.write_bytes(CONTENT + b"{}\n")
    with pytest.raises(OutageError, match="is not the pinned file"):
        fetch(FILE)


def test_first_download_is_the_pin_where_there_is_none(hub: FakeHub) -> None:
    unpinned = HubFile(FILE.repo, FILE.revision, FILE.name, "", 0)
    path = fetch(unpinned)
    path.write_bytes(b"tampered")
    with pytest.raises(OutageError, match=f"pinned is {FILE.sha256}"):
        fetch(unpinned)


@pytest.mark.parametrize("switch", ["SDPO_GYM_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_switches(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.setenv(switch, "1")
    with pytest.raises(
        OutageError, match=r"owner/set@01234567/test\.jsonl is not in the cache.*DATA=path.*DATA=sample"
    ):
        fetch(FILE)
    assert hub.requests == []


def test_hub_that_is_down_is_an_outage_with_a_hint() -> None:
    with pytest.raises(OutageError, match=r"cannot be reached.*DATA=path.*DATA=sample") as caught:
        fetch(FILE)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_hub_that_says_nothing_is_an_outage_within_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(OutageError, match="cannot be reached"):
            fetch(FILE)
        assert time.monotonic() - begin < 12


@pytest.mark.parametrize("break_it", [lambda hub: setattr(hub, "status", 403), lambda hub: setattr(hub, "status", 404)])
def test_hub_that_refuses_is_an_outage(hub: FakeHub, break_it: Callable[[FakeHub], None]) -> None:
    break_it(hub)
    with pytest.raises(OutageError, match=r"cannot download owner/set@01234567/test\.jsonl.*DATA=path"):
        fetch(FILE)


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"sdpo-gym\[hub\]"):
        fetch(FILE)


def test_import_is_light() -> None:
    heavy = ("huggingface_hub", "httpx", "datasets")
    code = f"import sys, sdpo_gym.data.hub; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_hubs_own_default_cache_is_used(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    code = (
        "from sdpo_gym.data.hub import HubFile, fetch\n"
        "from sdpo_gym.errors import OutageError\n"
        "try:\n    fetch(HubFile('a/b', '0' * 40, 'x', '0' * 64, 1))\n"
        "except OutageError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "network is switched off" in done.stdout, done.stderr


# Files of GitHub.

GITHUB = HubFile("owner/code", REVISION, "data/test set.json", FILE.sha256, FILE.bytes, repo_type="github")
GITHUB_PATH = f"/owner/code/{REVISION}/data/test%20set.json"


@dataclass
class FakeGitHub:
    """A real HTTP server that serves one raw file; ``cut`` breaks the connection after so many bytes."""

    content: bytes = CONTENT
    status: int = 200
    cut: int | None = None
    announce: bool = True
    requests: list[str] = field(default_factory=list)

    def serve(self) -> http.server.ThreadingHTTPServer:
        github = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(301)
                self.end_headers()

            def do_GET(self) -> None:
                github.requests.append(self.path)
                self.send_response(github.status if self.path == GITHUB_PATH else 404)
                if github.announce:
                    self.send_header("Content-Length", str(len(github.content)))
                self.end_headers()
                self.wfile.write(github.content[: github.cut])

            def log_message(self, *args: object) -> None:
                return

        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    fake = FakeGitHub()
    server = fake.serve()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("SDPO_GYM_GITHUB_RAW", f"http://127.0.0.1:{server.server_port}/")
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def files_below(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("library", ["installed", "missing"])
def test_github_is_asked_once_and_needs_no_hub_library(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, own_cache: Path, library: str
) -> None:
    if library == "missing":
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    path = fetch(GITHUB)
    assert path.read_bytes() == CONTENT
    assert path == own_cache / "github" / "owner" / "code" / REVISION / "data" / "test set.json"
    assert github.requests == [GITHUB_PATH]
    monkeypatch.setenv("SDPO_GYM_GITHUB_RAW", "http://127.0.0.1:9")
    assert fetch(GITHUB) == path
    monkeypatch.setenv("SDPO_GYM_OFFLINE", "1")
    assert fetch(GITHUB) == path
    assert fetch_with_digest(GITHUB) == (path, FILE.sha256)


@pytest.mark.parametrize("switch", ["SDPO_GYM_OFFLINE", "HF_HUB_OFFLINE"])
def test_github_offline(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.setenv(switch, "1")
    with pytest.raises(OutageError, match=r"owner/code@01234567/data/test set\.json is not in the cache.*DATA=path"):
        fetch(GITHUB)
    assert github.requests == []


def test_another_commit_is_another_file(github: FakeGitHub) -> None:
    fetch(GITHUB)
    with pytest.raises(OutageError, match="404"):
        fetch(HubFile(GITHUB.repo, "f" * 40, GITHUB.name, GITHUB.sha256, GITHUB.bytes, repo_type="github"))


def test_github_file_that_is_not_the_pinned_one_is_refused_and_not_kept(github: FakeGitHub, own_cache: Path) -> None:
    github.content = b"<html>please log in</html>"
    found = hashlib.sha256(github.content).hexdigest()
    with pytest.raises(OutageError, match=f"its sha256 is {found}, pinned is {FILE.sha256}"):
        fetch(GITHUB)
    assert files_below(own_cache) == []
    github.content = CONTENT
    assert fetch(GITHUB).read_bytes() == CONTENT


def test_changed_github_cache_is_noticed(github: FakeGitHub) -> None:
    fetch(GITHUB).write_bytes(b"tampered")
    with pytest.raises(OutageError, match=r"is not the pinned file.*delete"):
        fetch(GITHUB)


def test_first_download_from_github_is_the_pin_where_there_is_none(github: FakeGitHub) -> None:
    unpinned = HubFile(GITHUB.repo, GITHUB.revision, GITHUB.name, "", 0, repo_type="github")
    path, digest = fetch_with_digest(unpinned)
    assert digest == FILE.sha256
    path.write_bytes(b"tampered")
    with pytest.raises(OutageError, match=f"pinned is {FILE.sha256}"):
        fetch(unpinned)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_github_that_refuses_is_an_outage(github: FakeGitHub, own_cache: Path, status: int) -> None:
    github.status = status
    with pytest.raises(OutageError, match=rf"cannot download owner/code@01234567.*{status}.*DATA=path") as caught:
        fetch(GITHUB)
    assert "\n" not in str(caught.value)
    assert files_below(own_cache) == []


def test_github_that_is_down_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDPO_GYM_GITHUB_RAW", "http://127.0.0.1:9")
    with pytest.raises(OutageError, match=r"http://127\.0\.0\.1:9 cannot be reached.*DATA=path.*DATA=sample"):
        fetch(GITHUB)


@pytest.mark.parametrize("announce", [True, False])
def test_broken_download_from_github_leaves_nothing(github: FakeGitHub, own_cache: Path, announce: bool) -> None:
    github.cut, github.announce = 1000, announce  # without a length only the digest can tell
    with pytest.raises(OutageError, match="cannot download" if announce else "not the pinned file"):
        fetch(GITHUB)
    assert files_below(own_cache) == []
    github.cut = None
    assert fetch(GITHUB).read_bytes() == CONTENT


def test_left_over_part_is_not_the_file(github: FakeGitHub, own_cache: Path) -> None:
    place = own_cache / "github" / "owner" / "code" / REVISION / "data"
    place.mkdir(parents=True)
    (place / "test set.json.0123.part").write_bytes(CONTENT[:10])  # of a process that was killed
    assert fetch(GITHUB).read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["/proc/nowhere", "/proc/version"])
def test_cache_that_cannot_be_written_is_an_outage(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("SDPO_GYM_CACHE", place)
    with pytest.raises(OutageError, match=f"cannot download.*{place}"):
        fetch(GITHUB)


def test_cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_home() == tmp_path / "cache"  # as the fixture set it
    monkeypatch.delenv("SDPO_GYM_CACHE")
    assert cache_home() == tmp_path / "sdpo_gym" == runtime.cache_root(reachable_by_others=False)
