"""A disk of a few MB that really gets full: a tmpfs, where this user may mount one."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_SIZE_MB = 64
_CHUNK_BYTES = 64 * 1024


class SmallDisk:
    """A mounted tmpfs; `fill` leaves no byte free, `free` gives the space back."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "somebody-elses.file"

    def fill(self) -> None:
        """Take every byte there is: the next write that needs room meets ENOSPC."""
        with self._filler.open("ab", buffering=0) as file:
            chunk = _CHUNK_BYTES
            while chunk:
                try:
                    file.write(bytes(chunk))
                except OSError:
                    chunk //= 2

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """`folder` on a small disk of its own; None where only root may mount and this is not root."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or not _mounted(folder):
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path) -> bool:
    size = f"size={_SIZE_MB}m,mode=700"
    command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
