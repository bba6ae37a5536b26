"""Reading a log that lies in a database, for `koffert log`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.keys import LOG_PUBLIC_FILE
from koffert_hub.log_beside import first_false
from koffert_hub.log_export import Export
from koffert_hub.log_record import LogRecord, SignedHead, decode_record
from koffert_hub.log_verify import (
    Fault,
    FirstBad,
    LogRow,
    Verification,
    earliest,
    first_difference,
    verify,
)
from koffert_hub.settings import SettingsError, load_settings
from koffert_hub.transmission_log import position, rows_after, signed_heads


class SourceError(Exception):
    """There is no log where the person pointed."""


class LogSource(Struct, frozen=True):
    """A database with a log, and where its public keys lie."""

    url: str
    log_keys: tuple[Path, ...]


def find_log(source: str) -> LogSource:
    """What `source` names: a hub's settings file, a SQLite file or a database URL."""
    if "://" in source:
        return LogSource(source, ())
    path = Path(source)
    if not path.is_file():
        raise SourceError(f"no file {source}")
    if path.suffix != ".toml":
        return LogSource(f"sqlite:///{path}", _beside(path.parent))
    try:
        settings = load_settings(path)
    except SettingsError as error:
        raise SourceError(str(error)) from error
    return LogSource(settings.database_url, _beside(settings.data_dir))


def public_keys(files: Iterable[Path]) -> list[Ed25519PublicKey]:
    """The keys in these files, raw."""
    return [Ed25519PublicKey.from_public_bytes(path.read_bytes()) for path in files]


@contextmanager
def opened(source: LogSource) -> Iterator[sa.Connection]:
    """A connection that reads this log, all of it as it stands at one moment."""
    engine = open_database(source.url)
    try:
        with open_reading(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
    finally:
        engine.dispose()


def newest_records(connection: sa.Connection, count: int) -> list[LogRecord]:
    """The last `count` records, oldest first."""
    start = max(position(connection).sequence - count, 0)
    return [decode_record(row.record) for row in rows_after(connection, start)]


def verify_database(
    source: LogSource,
    keys: Sequence[Ed25519PublicKey],
    extra: Sequence[SignedHead] = (),
    copy: Iterable[LogRow] = (),
) -> Verification:
    """Verify the whole log of a database and what lies beside it, also against what somebody else kept: heads, a copy."""
    with opened(source) as connection:
        return verify_whole(connection, keys, extra, copy)


def verify_whole(
    connection: sa.Connection,
    keys: Sequence[Ed25519PublicKey],
    extra: Sequence[SignedHead] = (),
    copy: Iterable[LogRow] = (),
) -> Verification:
    """See `verify_database`; of all that is wrong the first record is named."""
    outcome = verify_connection(connection, keys, extra)
    bad = outcome.first_bad
    readable = bad.sequence if bad is not None and bad.after is not None else outcome.records
    beside = first_false(connection, readable)
    differs = first_difference(rows_after(connection, 0), copy)
    return _first_of(outcome, 0, differs, beside)


def verify_connection(
    connection: sa.Connection,
    keys: Sequence[Ed25519PublicKey],
    extra: Sequence[SignedHead] = (),
) -> Verification:
    """See `verify_database`; a tail cut off behind the log's own counter is found too."""
    outcome = verify(rows_after(connection, 0), [*signed_heads(connection), *extra], keys)
    counted = position(connection).sequence
    if outcome.ok and counted != outcome.records:
        fault = Fault.MISSING if counted > outcome.records else Fault.UNEXPECTED
        bad = FirstBad(min(counted, outcome.records) + 1, fault)
        return msgspec.structs.replace(outcome, ok=False, first_bad=bad)
    return outcome


def verify_export(
    export: Export,
    keys: Sequence[Ed25519PublicKey],
    extra: Sequence[SignedHead] = (),
    copy: Iterable[LogRow] = (),
) -> Verification:
    """Verify an export by itself and against a copy; of `extra` the heads after its end say nothing about it.

    Its end is the one that it names in its first line: records that are cut off its tail are missing.
    """
    end = export.last
    if end is None:
        end = export.rows[-1].sequence if export.rows else export.after.sequence
    within = [head for head in extra if head.sequence <= end]
    outcome = verify(
        export.rows, [*export.signed, *within], keys, start=export.after, last=export.last
    )
    damaged = min(export.damaged_heads, default=None)
    unsigned = None if damaged is None else FirstBad(damaged, Fault.BAD_SIGNATURE)
    differs = first_difference(export.rows, copy, after=export.after.sequence, last=end)
    return _first_of(outcome, export.after.sequence, differs, unsigned)


def _first_of(
    outcome: Verification, start: int, differs: FirstBad | None, other: FirstBad | None
) -> Verification:
    """The outcome with the first of all faults; what follows record `start` and stands before it holds.

    As far as it is the same as the copy (`differs`), it holds whatever a later signature says.
    """
    bad = earliest(outcome.first_bad, differs, other)
    if bad is None or bad == outcome.first_bad:
        return outcome
    before = (bad.sequence - 1 if bad.after is None else bad.after) - start
    records = before if bad == differs else min(outcome.records, before)
    return msgspec.structs.replace(outcome, records=records, ok=False, first_bad=bad)


def _beside(folder: Path) -> tuple[Path, ...]:
    """The public key of the log, and those that it followed."""
    key = folder / LOG_PUBLIC_FILE
    return (key, *sorted(folder.glob("log-*.pub"))) if key.exists() else ()
