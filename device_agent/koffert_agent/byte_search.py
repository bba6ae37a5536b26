"""Looking for byte strings in whole files or in a disk: what a thief with a card reader would do."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_CHUNK_BYTES = 4 * 1024 * 1024


class Finding(NamedTuple):
    """Where one of the strings stands."""

    path: Path
    offset: int


class Searched(NamedTuple):
    """How much was looked at, and what was found: at most one finding a chunk."""

    size_bytes: int
    findings: list[Finding]


def search(
    paths: Iterable[Path],
    needles: Iterable[bytes],
    progress: Callable[[int], None] = lambda _: None,
) -> Searched:
    """Look for any of `needles` in files, folders and block devices; `progress` is told of each piece's bytes."""
    wanted = sorted(set(needles), key=len)
    pattern = re.compile(b"|".join(re.escape(needle) for needle in wanted)) if wanted else None
    overlap = len(wanted[-1]) - 1 if wanted else 0
    done, findings = 0, []
    for file in _files(paths):
        for offset, chunk in _chunks(file, overlap):
            match = pattern.search(chunk) if pattern else None
            if match is not None:
                findings.append(Finding(file, offset + match.start()))
            done += len(chunk)
            progress(len(chunk))
    return Searched(done, findings)


def measure(paths: Iterable[Path]) -> int:
    """How many bytes a search of these will look at."""
    return sum(_size_bytes(file) for file in _files(paths))


def _size_bytes(file: Path) -> int:
    with file.open("rb") as stream:
        return stream.seek(0, os.SEEK_END)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        elif path.is_file() or path.is_block_device():
            yield path


def _chunks(file: Path, overlap: int) -> Iterator[tuple[int, bytes]]:
    """The file in pieces; each begins with the end of the one before, for what lies across the border."""
    offset, carried = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(_CHUNK_BYTES):
            chunk = carried + block
            yield offset - len(carried), chunk
            offset += len(block)
            carried = chunk[-overlap:] if overlap else b""
