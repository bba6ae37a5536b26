"""A simulated serial device on a pseudo-terminal, which a host opens like any port."""

import asyncio
import contextlib
import os
import pty
import tempfile
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from koffert_drivers.device import SerialSettings
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.voices import voice
from koffert_drivers.table import device

# A USB serial adapter hands over what has gathered about this often (FTDI's latency timer is 16 ms).
BATCH_S = 0.016


class SimulatedOximeter:
    """An oximeter on a port of its own while the `async with` lasts; `path` is the port.

    `physiology` may be set at any time; the next frame tells it. As on a real line, bytes that nobody
    reads are lost once the kernel's buffer is full.
    """

    def __init__(
        self,
        device_id: str,
        physiology: Physiology | None = None,
        *,
        stream: str | None = None,
    ) -> None:
        record = device(device_id)
        if record.serial is None:
            raise ValueError(f"{device_id} has no serial line")
        self.physiology = physiology or Physiology()
        self.path = ""
        self._settings: SerialSettings = record.serial
        self._speaker = voice(device_id, record.stream(stream).name)
        self._host_fd = self._fd = -1
        self._replaying = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._fd, self._host_fd = pty.openpty()
        tty.setraw(self._host_fd)
        os.set_blocking(self._fd, False)
        # By a name of its own: the kernel gives a terminal's number to the next one, and a host that still
        # tries this port must not open another's.
        self._port = Path(tempfile.mkdtemp(prefix="oximeter-")) / "port"
        self._port.symlink_to(os.ttyname(self._host_fd))
        self.path = str(self._port)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._hear)
        self._task = loop.create_task(self._speak(), name=f"simulated {self.path}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.unplug()

    async def unplug(self) -> None:
        """Pull the cable: the host's next read fails. The end of the simulation."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        asyncio.get_running_loop().remove_reader(self._fd)
        self._port.unlink()
        self._port.parent.rmdir()
        os.close(self._fd)
        os.close(self._host_fd)

    async def replay(self, recorded: bytes) -> None:
        """Play recorded bytes at the line's rate, in place of the simulated ones."""
        self._replaying = True
        try:
            size = max(1, round(self._settings.bytes_per_s * BATCH_S))
            for start in range(0, len(recorded), size):
                self._send(recorded[start : start + size])
                await asyncio.sleep(BATCH_S)
        finally:
            self._replaying = False

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await asyncio.sleep(BATCH_S)
            frames = []
            while due_s <= loop.time():
                frames.append(self._speaker.frame(self.physiology, due_s))
                due_s += 1 / self._speaker.rate_hz
            if not self._replaying:
                self._send(b"".join(frames))

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            answer = self._speaker.hear(os.read(self._fd, 4096), asyncio.get_running_loop().time())
            self._send(answer)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            if data:
                os.write(self._fd, data)
