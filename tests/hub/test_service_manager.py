"""What the hub tells systemd, on a real datagram socket."""

import asyncio
import socket
from pathlib import Path

import pytest

from koffert_hub.stopping import tell_well
from koffert_wire.notify import Notifier


def test_ready_alive_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("WATCHDOG_USEC", "200000")

    async def scenario() -> None:
        told = asyncio.create_task(tell_well(Notifier({"NOTIFY_SOCKET": address})))
        heard = [await asyncio.to_thread(manager.recv, 64) for _ in range(3)]
        assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        told.cancel()
        await asyncio.gather(told, return_exceptions=True)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        asyncio.run(scenario())
        last = b""
        while last != b"STOPPING=1":
            last = manager.recv(64)
