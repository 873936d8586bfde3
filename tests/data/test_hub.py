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

from sdpo_gym.data.hub import HubFile, fetch
from sdpo_gym.errors import MissingExtraError, OutageError

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
