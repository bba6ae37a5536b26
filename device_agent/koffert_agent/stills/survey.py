"""What lies in a watched folder and is ready to be dealt with. Blocks: it belongs to one thread."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from koffert_agent.clock import NS_PER_S
from koffert_agent.stills.folder import StillFolder
from koffert_agent.stills.settling import Settling, Stamp
from koffert_agent.stills.verdict import Damaged, Leave, Take

_LOG = logging.getLogger(__name__)

# Two looks are so far apart: what has not changed from one to the next may be complete.
LOOK_INTERVAL_S = 2.0
SETTLED_NS = round(LOOK_INTERVAL_S * NS_PER_S)
# A damaged file may be a slow copy that stands still for a moment: only now it is called damaged.
GIVEN_UP_NS = 60 * NS_PER_S
_MARK_DIGITS = 32


class Ready(NamedTuple):
    """A still to be sent: `mark` tells it from all others of the loan, `files` go away afterwards."""

    take: Take
    mark: str
    files: tuple[Path, ...]


class Survey:
    """One folder under one loan. All methods may raise OSError, where the folder itself is at fault."""

    def __init__(self, folder: StillFolder, loan: str) -> None:
        self._folder = folder
        self._loan = loan
        self._settling = Settling()
        self._stable: dict[Path, Stamp] = {}
        self._suspects: dict[Path, Stamp] = {}
        self._passed_over: dict[Path, Stamp] = {}

    def look(self, now_ns: int) -> list[Path]:
        """The files that are complete as far as can be told from outside."""
        seen = self._folder.files()
        unchanged_ns = self._settling.look(seen, now_ns)
        self._suspects = _still_as_were(self._suspects, seen)
        self._passed_over = _still_as_were(self._passed_over, seen)
        self._stable = {p: stamp for p, stamp in seen.items() if unchanged_ns[p] >= SETTLED_NS}
        return [
            path
            for path in self._stable
            if path not in self._passed_over
            and (path not in self._suspects or unchanged_ns[path] >= GIVEN_UP_NS)
        ]

    def examine(self, path: Path) -> Ready | None:
        """The still in a file, if it is one that must be sent; all else is dealt with here."""
        content = None if path in self._passed_over else self._read(path)
        if content is None:
            return None
        # Many boxes never see a still: numpy would be half of their memory.
        from koffert_agent.stills.judging import judge  # noqa: PLC0415

        verdict = judge(path, content, lambda name: self._read(path.with_name(name)))
        match verdict:
            case Take():
                return self._ready(path, verdict)
            case Damaged():
                self._suspect(path, content, verdict)
            case Leave():
                _LOG.info("a file among the stills is left alone: %s", verdict.reason)
                self._passed_over[path] = self._stable[path]
        return None

    def finish(self, ready: Ready) -> None:
        """The still is safe: put its files away. Where that cannot be, they are passed over from now on."""
        self._passed_over |= {path: self._stable[path] for path in ready.files}
        self._folder.finish(ready.files, ready.mark)

    def _ready(self, path: Path, take: Take) -> Ready | None:
        files = (path, *(path.with_name(name) for name in take.companions))
        ready = Ready(take, self._mark(take.content), files)
        if self._folder.is_done(ready.mark):
            self.finish(ready)
            return None
        return ready

    def _suspect(self, path: Path, content: bytes, verdict: Damaged) -> None:
        if path in self._suspects:
            _LOG.warning("a still is damaged and set aside: %s", verdict.reason)
            self._folder.quarantine([path], self._mark(content), verdict.reason)
        else:
            self._suspects[path] = self._stable[path]

    def _read(self, path: Path) -> bytes | None:
        """A file that is complete; one that the box may not read must not keep it from the others."""
        stamp = self._stable.get(path)
        if stamp is None:
            return None
        try:
            return self._folder.read(path, stamp)
        except OSError as error:
            # The whole message would name the file.
            _LOG.warning("a file among the stills cannot be read: %s", error.strerror)
            self._passed_over[path] = stamp
            return None

    def _mark(self, content: bytes) -> str:
        return sha256(self._loan.encode() + b"\0" + content).hexdigest()[:_MARK_DIGITS]


def _still_as_were(noted: Mapping[Path, Stamp], seen: Mapping[Path, Stamp]) -> dict[Path, Stamp]:
    return {path: stamp for path, stamp in noted.items() if seen.get(path) == stamp}
