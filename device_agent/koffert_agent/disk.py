"""What the box's disk can do: how long it takes to make a write durable, how much room it has."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from koffert_wire.private_files import sync_folder

# Enough for a median, few enough that a card at 50 ms a sync delays the start by less than half a second.
_SYNCS = 7
_BLOCK = bytes(4096)
_ZEROS = bytes(1024 * 1024)
# The vitals are promised to be on disk 100 ms after they were measured; a sync slower than half of it
# leaves no room for the rest.
SLOW_SYNC_S = 0.05


def measure_sync_s(folder: Path) -> float:
    """The median time to make 4 kB durable in `folder`; raises OSError."""
    path = folder / ".sync-test"
    times_s = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(_SYNCS):
                file.write(_BLOCK)
                start_s = time.perf_counter()
                os.fdatasync(file.fileno())
                times_s.append(time.perf_counter() - start_s)
    finally:
        path.unlink(missing_ok=True)
    return sorted(times_s)[_SYNCS // 2]


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write on the disk that holds `folder`."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def overwrite_free_space(folder: Path) -> int:
    """Zeros into all that the disk which holds `folder` has left, and onto it; returns how many. Raises OSError.

    Twice, because some blocks keep account of the others meanwhile, and the second time those are others.
    """
    path, written = folder / ".zeros", 0
    with _without_reserve(folder):
        for _ in range(2):
            try:
                with path.open("wb", buffering=0) as file:
                    written = _fill(file)
                    os.fsync(file.fileno())
            finally:
                path.unlink(missing_ok=True)
            sync_folder(folder)
    return written


@contextlib.contextmanager
def _without_reserve(folder: Path) -> Iterator[None]:
    """Let files have the 2 % that ext4 keeps from everybody, meanwhile; only root may."""
    number = folder.stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    reserve = Path("/sys/fs/ext4") / device.name / "reserved_clusters"
    try:
        before = reserve.read_text()
        reserve.write_text("0")
    except OSError:
        yield
        return
    try:
        yield
    finally:
        reserve.write_text(before)


def _fill(file: FileIO) -> int:
    """Write zeros until not even one more fits."""
    written, room = 0, len(_ZEROS)
    while room:
        try:
            written += file.write(_ZEROS[:room])
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            room //= 2
    return written
