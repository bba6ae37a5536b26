"""Reading a log that lies in a database, for `koffert log`."""

from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.keys import LOG_PUBLIC_FILE
from koffert_hub.log_record import LogRecord, decode_record
from koffert_hub.log_verify import Fault, FirstBad, Verification, verify
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


def newest_records(source: LogSource, count: int) -> list[LogRecord]:
    """The last `count` records, oldest first."""
    engine = open_database(source.url)
    with open_reading(engine) as connection:
        start = max(position(connection).sequence - count, 0)
        records = [decode_record(row.record) for row in rows_after(connection, start)]
    engine.dispose()
    return records


def verify_database(source: LogSource, keys: list[Ed25519PublicKey]) -> Verification:
    """Verify the whole log of a database; a tail cut off behind its own counter is found too."""
    engine = open_database(source.url)
    with open_reading(engine) as connection:
        outcome = verify_connection(connection, keys)
    engine.dispose()
    return outcome


def verify_connection(connection: sa.Connection, keys: list[Ed25519PublicKey]) -> Verification:
    """See `verify_database`."""
    outcome = verify(rows_after(connection, 0), signed_heads(connection), keys)
    counted = position(connection).sequence
    if outcome.ok and counted != outcome.records:
        return Verification(
            outcome.records,
            outcome.heads,
            ok=False,
            first_bad=FirstBad(outcome.records + 1, Fault.MISSING),
        )
    return outcome


def _beside(folder: Path) -> tuple[Path, ...]:
    key = folder / LOG_PUBLIC_FILE
    return (key,) if key.exists() else ()
