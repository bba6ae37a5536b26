"""A file that only takes space, to be given up when the disk is full: alarms then still fit."""

import contextlib
import os
from pathlib import Path

# Some thousand alarms, and the WAL pages that deleting bulk itself needs.
BALLAST_BYTES = 1024 * 1024
# Hours of readings: a disk that is full for a while costs nothing that a restored hub might ask for.
SPARE_BYTES = 8 * 1024 * 1024


class Ballast:
    """Space set aside on the outbox's disk."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    @property
    def is_there(self) -> bool:
        """Whether there is space to give up."""
        return self._path.exists()

    def fill(self) -> None:
        """Set the space aside, where the disk has it to give."""
        if self._path.exists():
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
        except OSError:
            self.release()

    def release(self) -> None:
        """Give the space back to the disk."""
        with contextlib.suppress(OSError):
            self._path.unlink()
