"""A real coturn on loopback for the length of a test."""

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from koffert_cli.daemons import find_daemon
from koffert_hub.video.turn import TurnSettings
from tests.support.mosquitto import free_port

READY_WITHIN_S = 40.0


@contextlib.contextmanager
def coturn(folder: Path) -> Iterator[TurnSettings]:
    """A TURN server over UDP and TCP; its settings as the hub has them."""
    port, secret = free_port(), secrets.token_hex(16)
    (folder / "turn.secret").write_text(secret + "\n")
    log = folder / "turnserver.log"
    configuration = folder / "turnserver.conf"
    configuration.write_text(
        f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\n"
        f"use-auth-secret\nstatic-auth-secret={secret}\nrealm=koffert\nfingerprint\n"
        "no-cli\nno-tls\nno-dtls\nno-multicast-peers\n"
        # Only a test's peers are on loopback; the guide says which ranges to deny instead.
        "allow-loopback-peers\n"
        f"log-file={log}\nsimple-log\nuserdb={folder / 'turndb'}\npidfile={folder / 'turn.pid'}\n"
    )
    daemon = find_daemon("turnserver")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(daemon.path), "-c", str(configuration)],
            env=daemon.environment(),
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(port, process, log)
        yield TurnSettings(
            urls=(f"turn:127.0.0.1:{port}?transport=udp",), secret_file=folder / "turn.secret"
        )
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError(f"turnserver did not start:\n{log.read_text()}")
