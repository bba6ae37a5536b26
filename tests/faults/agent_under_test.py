"""The agent with a clock and a disk that a test can bend through a file, and with shorter waits.

    python agent_under_test.py SETTINGS ACKNOWLEDGEMENTS CONTROL

Everything else is what ships. The waits are shorter so that a test sees in a minute what takes an hour.
"""

import asyncio
import signal
import sys
from pathlib import Path

import apsw
import msgspec
from msgspec import Struct

from koffert_agent import gateway, send_window, session, uplink
from koffert_agent.clock import SystemClock
from koffert_agent.settings import load_settings
from koffert_wire.messages import Reading
from koffert_wire.reconnect import Backoff


class Control(Struct, frozen=True):
    """What the test has bent."""

    clock_offset_ns: int = 0
    wall_trusted: bool = True
    disk_full: bool = False


class Bent:
    """Reads the control file anew whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_ns = 0
        self._control = Control()

    @property
    def control(self) -> Control:
        """The newest control."""
        changed_ns = self._path.stat().st_mtime_ns
        if changed_ns != self._read_ns:
            self._control = msgspec.json.decode(self._path.read_bytes(), type=Control)
            self._read_ns = changed_ns
        return self._control


class BentClock(SystemClock):
    """The system's clock with a wall time that is off."""

    def __init__(self, bent: Bent) -> None:
        super().__init__()
        self._bent = bent

    def wall_ns(self) -> int:
        return super().wall_ns() + self._bent.control.clock_offset_ns

    def wall_trusted(self) -> bool:
        return self._bent.control.wall_trusted


class FullDisk(apsw.VFS):
    """The system's files, which cannot grow while the control says that the disk is full."""

    def __init__(self, bent: Bent) -> None:
        self._bent = bent
        super().__init__("full-disk", "unix", makedefault=True)

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: apsw.URIFilename | str | None, flags: list[int]
    ) -> apsw.VFSFile:
        return _File(name, flags, self._bent)


class _File(apsw.VFSFile):
    def __init__(self, name: apsw.URIFilename | str | None, flags: list[int], bent: Bent) -> None:
        self._bent = bent
        super().__init__("unix", name, flags)  # by name: the default is this layer itself

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._bent.control.disk_full and offset + len(data) > self.xFileSize():
            raise apsw.FullError
        super().xWrite(data, offset)


async def run(settings: Path, acknowledgements: Path, bent: Bent) -> None:
    """Run the box until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with acknowledgements.open("a") as file:

        def acknowledge(reading: Reading) -> None:
            file.write(f"{reading.id.hex()} {reading.at.boottime_ns} {reading.at.wall_ns}\n")
            file.flush()

        await gateway.run(load_settings(settings), BentClock(bent), stop, acknowledge)


def shorten_waits() -> None:
    """Minutes become seconds."""
    uplink._AWAY = Backoff(first_s=0.2, cap_s=1.0)
    uplink._UNWANTED = Backoff(first_s=0.2, cap_s=1.0)
    send_window._RECEIPT_TIMEOUT = Backoff(first_s=4.0, cap_s=16.0)
    session.STALLED_S = 4.0
    gateway._TIDY_INTERVAL_S = 1.0


if __name__ == "__main__":
    shorten_waits()
    bending = Bent(Path(sys.argv[3]))
    disk = FullDisk(bending)
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), bending))
