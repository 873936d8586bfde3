"""What attacks reach for: a secret file, a secret in the environment, servers, a place to leave a file.

Only the standard library: it also runs inside the weak judge's container.
"""

from __future__ import annotations

import os
import secrets
import selectors
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType

SECRET_NAME = "SDPO_BAIT_SECRET"


class Bait:
    """Lays everything out on entry, readable and writable by every user, and clears it away on exit.

    Args:
        project: the repository's root as the attacked judge sees it.

    Attributes:
        secret: text that only the canary file and the environment hold.
        marker: a path that does not exist until an attack leaves a file there.
        reached: names of the servers that somebody connected to.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self.secret = os.environ.get(SECRET_NAME) or secrets.token_hex(8)
        self.reached: list[str] = []

    def __enter__(self) -> Bait:
        # Not pytest's tmp_path: its mode 0700 would stop an attack that the judge should have stopped.
        self._directory = tempfile.mkdtemp(prefix="sdpo-bait-")
        root = Path(self._directory)
        root.chmod(0o755)
        (root / "drop").mkdir()
        (root / "drop").chmod(0o777)
        self.canary = root / "canary.txt"
        self.canary.write_text(self.secret)
        self.canary.chmod(0o644)
        self.marker = root / "drop" / "marker"
        os.environ[SECRET_NAME] = self.secret

        self._abstract = f"sdpo-bait-{self.secret}"
        self._path = str(root / "server.sock")
        tcp, udp = _listen_on_one_port()
        unix = _listen(socket.AF_UNIX, self._path)
        Path(self._path).chmod(0o777)
        self._port = tcp.getsockname()[1]
        self._servers = {
            "tcp": tcp,
            "udp": udp,
            "unix": unix,
            "abstract": _listen(socket.AF_UNIX, "\0" + self._abstract),
        }
        self._closing, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.close()
        self._thread.join()
        for server in self._servers.values():
            server.close()
        self._closing.close()
        os.environ.pop(SECRET_NAME, None)  # an attack may have been quicker
        shutil.rmtree(self._directory, ignore_errors=True)

    def fill(self, source: str) -> str:
        """Return ``source`` with its placeholders replaced by where things lie now."""
        places = {
            "@CANARY_FILE@": str(self.canary),
            "@PORT@": str(self._port),
            "@SOCKET@": self._path,
            "@ABSTRACT@": self._abstract,
            "@MARKER@": str(self.marker),
            "@PROJECT@": self.project,
            "@SAMPLE@": f"{self.project}/envs/sdpo_envs/livecodebench/sample.jsonl",
        }
        for placeholder, value in places.items():
            source = source.replace(placeholder, value)
        return source

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._closing, selectors.EVENT_READ)
            for name, server in self._servers.items():
                selector.register(server, selectors.EVENT_READ, name)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    server = self._servers[key.data]
                    self.reached.append(key.data)
                    if key.data == "udp":
                        server.recv(100)
                    else:
                        server.accept()[0].close()


def _listen(family: socket.AddressFamily, address: str | tuple[str, int]) -> socket.socket:
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind(address)
    server.listen(64)
    return server


def _listen_on_one_port() -> tuple[socket.socket, socket.socket]:
    """A TCP and a UDP server on the same port of the loopback device."""
    while True:
        tcp = _listen(socket.AF_INET, ("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        return tcp, udp
