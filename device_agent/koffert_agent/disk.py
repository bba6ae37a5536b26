"""What the box's disk can do: how long it takes to make a write durable, how much room it has."""

import os
import time
from pathlib import Path

# Enough for a median, few enough that a card at 50 ms a sync delays the start by less than half a second.
_SYNCS = 7
_BLOCK = bytes(4096)
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
