"""The watched folder: what lies in it, and where a file goes when it has been dealt with.

    <folder>/…                     what a cart or a person leaves, in folders of their own too
    <folder>/done/<mark>/          taken; while it is there, the same still is not taken again
    <folder>/quarantine/<mark>/    damaged, with `reason.txt`

File names may hold a patient's name: they stay as they are, and are never logged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from koffert_agent.stills.settling import Stamp

DONE, QUARANTINE = "done", "quarantine"
REASON_FILE = "reason.txt"
# A stick full of holiday pictures must not keep the box busy.
MOST_FILES = 2_000


class StillFolder:
    """A folder on this machine or a stick; it need not be there. All methods may raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self) -> dict[Path, Stamp]:
        """Every regular file that waits, with its stamp; links are not followed."""
        found: dict[Path, Stamp] = {}
        for path in self._walk():
            about = path.lstat()
            if stat.S_ISREG(about.st_mode):
                found[path] = Stamp(about.st_size, about.st_mtime_ns)
            if len(found) >= MOST_FILES:
                break
        return found

    def read(self, path: Path, stamp: Stamp) -> bytes | None:
        """The file's content; None when it is no longer as `stamp` says."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(stamp.size_bytes + 1)
            about = os.fstat(file.fileno())
        as_before = stamp == (about.st_size, about.st_mtime_ns) == (len(content), about.st_mtime_ns)
        return content if as_before else None

    def is_done(self, mark: str) -> bool:
        """Whether a still of this mark was taken before."""
        return (self.root / DONE / mark).is_dir()

    def finish(self, files: Sequence[Path], mark: str) -> None:
        """Put the files of a still away; the mark is there before the first one moves."""
        self._move(files, self.root / DONE / mark)

    def quarantine(self, files: Sequence[Path], mark: str, reason: str) -> None:
        """Set damaged files aside, and say why."""
        target = self.root / QUARANTINE / mark
        target.mkdir(parents=True, exist_ok=True)
        (target / REASON_FILE).write_text(reason + "\n", encoding="utf-8")
        self._move(files, target)

    def _move(self, files: Sequence[Path], target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for path in files:
            path.replace(target / path.name)

    def _walk(self) -> Iterator[Path]:
        kept = {self.root / DONE, self.root / QUARANTINE}
        for folder, folders, names in os.walk(self.root):
            here = Path(folder)
            folders[:] = sorted(name for name in folders if here / name not in kept)
            yield from (here / name for name in sorted(names))
