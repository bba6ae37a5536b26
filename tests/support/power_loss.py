"""A disk that loses its power: an apsw file layer that knows what a real platter would still hold.

SQLite reads back what it wrote from the real file. Beside it, a second image gets only what a sync has made
durable, and when the power goes, whatever part of the later writes chance lets through: none of them, or any
subset of their sectors in any order. Locks need no shared memory, as the outbox is opened exclusively.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw

SECTOR_BYTES = 512


class PowerLossError(Exception):
    """The power went during a write."""


class Fate(StrEnum):
    """What becomes of writes that were not yet synced."""

    LOST = "lost"
    TORN = "torn"


class _Write(NamedTuple):
    offset: int
    data: bytes | None  # None: the file was cut at `offset`


class Disk:
    """What is durable, and what is only on its way, per file.

    The write number `cut_at` fails, and nothing is written any more. With `space_bytes` the disk is full at
    so many bytes; `others_bytes` tells what files other than SQLite's take.
    """

    def __init__(self, others_bytes: Callable[[], int] = lambda: 0) -> None:
        self.operations = 0
        self.dark = False
        self.cut_at: int | None = None
        self.space_bytes: int | None = None
        self._others_bytes = others_bytes
        self._sizes: dict[str, int] = {}
        self._durable: dict[str, bytearray] = {}
        self._pending: dict[str, list[_Write]] = {}

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Note a write that a sync has yet to make durable."""
        if not self._operate():
            return
        size = max(self._sizes.get(name, 0), offset + len(data))
        if self.space_bytes is not None and size > self._sizes.get(name, 0):
            taken_bytes = self.used_bytes + size - self._sizes.get(name, 0)
            if taken_bytes > self.space_bytes:
                raise apsw.FullError
        self._sizes[name] = size
        self._pending.setdefault(name, []).append(_Write(offset, data))

    def truncate(self, name: str, size: int) -> None:
        """Note a cut that a sync has yet to make durable."""
        if self._operate():
            self._sizes[name] = size
            self._pending.setdefault(name, []).append(_Write(size, None))

    def sync(self, name: str) -> None:
        """Make all writes to the file durable."""
        if not self._operate():
            return
        image = self._durable.setdefault(name, bytearray())
        for write in self._pending.pop(name, []):
            _apply(image, write)

    def delete(self, name: str) -> None:
        """Forget a file."""
        if self._operate():
            self._durable.pop(name, None)
            self._pending.pop(name, None)
            self._sizes.pop(name, None)

    @property
    def used_bytes(self) -> int:
        """What all files take."""
        return sum(self._sizes.values()) + self._others_bytes()

    def leave(self, folder: Path, random: Random, fate: Fate) -> None:
        """Write into `folder` what the platter holds after the cut."""
        for name in {*self._durable, *self._pending}:
            image = bytearray(self._durable.get(name, b""))
            if fate is Fate.TORN:
                for write in self._pending.get(name, []):
                    _tear(image, write, random)
            (folder / Path(name).name).write_bytes(image)

    def _operate(self) -> bool:
        """Count a write; whether there still is a disk. SQLite may go on in the dark, and is not told twice."""
        self.operations += 1
        if self.dark:
            return False
        if self.cut_at is not None and self.operations >= self.cut_at:
            self.dark = True
            raise PowerLossError
        return True


class DiskLayer(apsw.VFS):
    """SQLite's way to a Disk; registered under `name` as long as it lives."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        self.name = name
        super().__init__(name, "")

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: apsw.URIFilename | str | None, flags: list[int]
    ) -> apsw.VFSFile:
        return _File(name, flags, self._disk)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's
        self._disk.delete(filename)
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, name: apsw.URIFilename | str | None, flags: list[int], disk: Disk) -> None:
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.truncate(self._name, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - the real file needs no sync
        self._disk.sync(self._name)


def _apply(image: bytearray, write: _Write) -> None:
    if write.data is None:
        del image[write.offset :]
        return
    if len(image) < write.offset:
        image.extend(bytes(write.offset - len(image)))
    image[write.offset : write.offset + len(write.data)] = write.data


def _tear(image: bytearray, write: _Write, random: Random) -> None:
    """Let any part of one write through."""
    if write.data is None:
        if random.random() < 0.5:
            _apply(image, write)
        return
    for start in range(0, len(write.data), SECTOR_BYTES):
        if random.random() < 0.5:
            _apply(image, _Write(write.offset + start, write.data[start : start + SECTOR_BYTES]))
