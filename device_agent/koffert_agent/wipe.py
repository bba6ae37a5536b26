"""Between two patients: nothing of the last one stays on the box, and a byte search shows it.

What readings the box holds is sealed to the hub, so it never had a readable one to lose. This removes
the sealed ones too, with every trace of the loan: files are overwritten before they are unlinked.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from koffert_agent.ble.book import FILE as METERS_FILE
from koffert_agent.byte_search import Searched, search
from koffert_agent.disk import overwrite_free_space
from koffert_agent.enrolment.identity import FOLDER as IDENTITY_FOLDER
from koffert_agent.loan import CurrentLoan, UnreadableLoan, read_loan, write_loan
from koffert_agent.outbox.database import Database
from koffert_agent.outbox.records import OutboxError, OutboxReason
from koffert_agent.stills.folder import StillFolder
from koffert_wire.envelope import decode_header
from koffert_wire.errors import WireError
from koffert_wire.private_files import sync_folder
from koffert_wire.topics import Lane
from koffert_wire.wipe_report import SignedWipe, WipeReport, loan_digest, sign_wipe

# What belongs to the box and not to a patient.
KEPT = frozenset({IDENTITY_FOLDER, METERS_FILE})
# Rows whose bytes are looked for afterwards: the oldest and the newest. One that stayed would have
# its neighbours with it.
_SAMPLED_ROWS = 1000
_SAMPLE_BYTES = 24
_CHUNK_BYTES = 1024 * 1024


class AgentRunning(Exception):
    """The agent has the outbox open: stop it first."""


class UnsentReadings(Exception):
    """The hub has not confirmed everything: rows of each lane, outboxes that cannot be read, stills."""

    def __init__(self, queued: dict[Lane, int], unreadable: int, untaken_stills: int) -> None:
        super().__init__(f"{sum(queued.values())} transmissions have no receipt")
        self.queued = queued
        self.unreadable = unreadable
        self.untaken_stills = untaken_stills


class WipeJob(Struct, frozen=True):
    """What is wiped: `also_search` are more folders, a disk or its image to look through afterwards.

    `still_folders` are those of ECG stills; what waits in one that lies in `data_dir` would be lost. `free_space`:
    overwrite that of `data_dir`'s disk too, where blocks of files that shrank or were replaced still have their content.
    """

    device: str
    data_dir: Path
    link_key: bytes
    wiped_at_ms: int
    discard: bool = False
    retire: bool = False
    also_search: tuple[Path, ...] = ()
    still_folders: tuple[Path, ...] = ()
    free_space: bool = False


class _Traces(Struct):
    """What the old content looks like."""

    loans: set[str]
    queued: Counter[Lane]
    needles: set[bytes]
    unreadable: int = 0
    untaken_stills: int = 0


def wipe(job: WipeJob, progress: Callable[[int], None] = lambda _: None) -> SignedWipe:
    """Remove everything of the last patient, then look for it; raises AgentRunning or UnsentReadings."""
    loan = _current_loan(job.data_dir)
    traces = _collect(job.data_dir / "outbox", loan)
    traces.untaken_stills = _untaken_stills(job)
    if (traces.queued or traces.unreadable or traces.untaken_stills) and not job.discard:
        raise UnsentReadings(dict(traces.queued), traces.unreadable, traces.untaken_stills)
    kept = frozenset() if job.retire else KEPT
    doomed = [path for path in sorted(job.data_dir.iterdir()) if path.name not in kept]
    removed = [size_bytes for path in doomed for size_bytes in _destroy(path)]
    sync_folder(job.data_dir)
    if not job.retire:
        # Its revision stays: an old command that somebody kept must not bring the old loan back.
        write_loan(job.data_dir, CurrentLoan(None, loan.revision))
    free_bytes = overwrite_free_space(job.data_dir) if job.free_space else 0
    searched = search([job.data_dir, *job.also_search], traces.needles, progress)
    return sign_wipe(_report(job, traces, removed, free_bytes, searched), job.link_key)


def _report(
    job: WipeJob, traces: _Traces, removed: list[int], free_bytes: int, searched: Searched
) -> WipeReport:
    return WipeReport(
        device=job.device,
        wiped_at_ms=job.wiped_at_ms,
        loans=tuple(sorted(loan_digest(loan) for loan in traces.loans)),
        discarded=dict(traces.queued),
        unreadable=traces.unreadable,
        untaken_stills=traces.untaken_stills,
        free_bytes=free_bytes,
        removed_files=len(removed),
        removed_bytes=sum(removed),
        markers=len(traces.needles),
        searched_bytes=searched.size_bytes,
        found=tuple(f"{finding.path}:{finding.offset}" for finding in searched.findings),
    )


def _untaken_stills(job: WipeJob) -> int:
    """Files that nobody has read yet; those in quarantine were read, and told to the hub."""
    inside = [folder for folder in job.still_folders if folder.is_relative_to(job.data_dir)]
    return sum(len(StillFolder(folder).files()) for folder in inside)


def _current_loan(data_dir: Path) -> CurrentLoan:
    try:
        return read_loan(data_dir)
    except UnreadableLoan:
        return CurrentLoan(None)


def _collect(folder: Path, loan: CurrentLoan) -> _Traces:
    traces = _Traces(loans=set(), queued=Counter(), needles=set())
    if loan.loan is not None:
        traces.loans.add(loan.loan)
    for path in sorted(folder.glob("*.sqlite3")):
        try:
            with closing(Database(path, "")) as database:
                _collect_from(database, traces)
        except OutboxError as error:
            if error.reason is OutboxReason.BUSY:
                raise AgentRunning(str(error)) from error
            traces.unreadable += 1
    traces.needles.update(loan.encode() for loan in traces.loans)
    return traces


def _collect_from(database: Database, traces: _Traces) -> None:
    for lane, rows in database.all("SELECT lane, rows FROM tally WHERE state = 'queued'"):
        if rows:
            traces.queued[Lane(lane)] += rows
    traces.needles.add(database.one("SELECT value FROM meta WHERE key = 'outbox_id'"))
    for order in ("ASC", "DESC"):
        sample = database.all(
            f"SELECT id, header, body FROM transmission ORDER BY number {order} LIMIT ?",  # noqa: S608 - `order` is a constant of this function
            _SAMPLED_ROWS,
        )
        for identifier, header, body in sample:
            traces.needles.update((identifier, body[:_SAMPLE_BYTES]))
            traces.loans.update(_loan_in(header))


def _loan_in(header: bytes) -> Iterator[str]:
    try:
        loan = decode_header(header).loan
    except WireError:
        return
    if loan is not None:
        yield loan


def _destroy(path: Path) -> Iterator[int]:
    """Overwrite and remove a file, or all that is in a folder; gives the size of each."""
    if path.is_dir() and not path.is_symlink():
        for entry in sorted(path.iterdir()):
            yield from _destroy(entry)
        path.rmdir()
        return
    yield _overwrite(path) if stat.S_ISREG(path.lstat().st_mode) else 0
    path.unlink()


def _overwrite(path: Path) -> int:
    """Zeros over the whole file, and onto the disk, while it still has its place there."""
    size_bytes = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        for start in range(0, size_bytes, _CHUNK_BYTES):
            file.write(bytes(min(_CHUNK_BYTES, size_bytes - start)))
        os.fsync(file.fileno())
    return size_bytes
