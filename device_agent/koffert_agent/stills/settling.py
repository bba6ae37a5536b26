"""When a file is complete: it has not changed over two looks. Pure: what was seen and when comes in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """What changes when a file is written."""

    size_bytes: int
    modified_ns: int


class Settling:
    """Remembers since when each file has been as it is."""

    def __init__(self) -> None:
        self._since: dict[Path, tuple[Stamp, int]] = {}

    def look(self, seen: Mapping[Path, Stamp], now_ns: int) -> dict[Path, int]:
        """How long each file of `seen` has been as it is, in ns; 0 at the first look after a change."""
        since = self._since
        self._since = {
            path: since[path] if path in since and since[path][0] == stamp else (stamp, now_ns)
            for path, stamp in seen.items()
        }
        return {path: now_ns - since_ns for path, (_, since_ns) in self._since.items()}
