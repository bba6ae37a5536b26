"""A real mosquitto on loopback for the length of a test."""

import contextlib
import itertools
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from koffert_cli.daemons import find_daemon

READY_WITHIN_S = 40.0
# Below what Linux gives to outgoing connections (net.ipv4.ip_local_port_range).
_SERVER_PORTS = (10_000, 32_768)
# Processes that test side by side have a share each, and begin anywhere in it: other runs may be there too.
_SHARES = 8
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = range(_SERVER_PORTS[0] + _WORKER % _SHARES, _SERVER_PORTS[1], _SHARES)
_TURNS = itertools.count(random.SystemRandom().randrange(len(_PORTS)))


def free_port() -> int:
    """A loopback port that nobody listens on, that nobody else was given, and that no outgoing connection gets.

    One from the system's own range may be taken while the server that a test gave it to is killed.
    """
    while True:
        port = _PORTS[next(_TURNS) % len(_PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Mosquitto:
    """One broker process; may be killed and started again on the same port and configuration."""

    def __init__(self, folder: Path, configuration: str, port: int) -> None:
        self.port = port
        self._log = folder / "mosquitto.log"
        self._file = folder / "mosquitto.conf"
        # As root mosquitto would drop to a user that cannot read keys of mode 0600.
        user = "user root\n" if os.geteuid() == 0 else ""
        self._file.write_text(user + configuration)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the port answers."""
        daemon = find_daemon("mosquitto")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(daemon.path), "-c", str(self._file)],
                env=daemon.environment(),
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.01)
        raise AssertionError(f"mosquitto did not start:\n{self.log()}")

    def kill(self) -> None:
        """End it as a power cut would (kill -9); a stopped broker is no error."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What the broker has written so far."""
        return self._log.read_text() if self._log.exists() else ""


@contextlib.contextmanager
def plain_mosquitto(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    """A broker without TLS or identities, for tests of the connection itself."""
    port = free_port()
    broker = Mosquitto(
        folder, f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{extra}", port
    )
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
