"""A file that only takes space, to be given up when the disk is full: alarms then still fit."""

import contextlib
import os
from pathlib import Path

# Some thousand alarms, and the WAL pages that deleting bulk itself needs.
BALLAST_BYTES = 1024 * 1024


class Ballast:
    """Space set aside on the outbox's disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Set the space aside, where the disk has it to give."""
        if self._path.exists():
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        except OSError:
            self.release()

    def release(self) -> None:
        """Give the space back to the disk."""
        with contextlib.suppress(OSError):
            self._path.unlink()
