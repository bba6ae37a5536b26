"""The keys that signed this log, one after another, and putting a new one in place of the last."""

from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import open_database
from koffert_hub.keys import LOG_KEY_FILE, LOG_PUBLIC_FILE, write_private
from koffert_hub.log_record import Event, Result, decode_record, log_key_id
from koffert_hub.log_rotation import CONTENT, announce, announcement
from koffert_hub.log_verify import LogRow
from koffert_hub.settings import Settings
from koffert_hub.transmission_log import LogWriter, draft

# Here from the moment the new key is made until it is in place: a rotation that was cut short goes on with it.
NEXT_KEY_FILE = "log-next.key"


class BadAnnouncement(Exception):
    """A record claims to announce a key, and the key in force did not sign it."""


class KeyInForce(Struct, frozen=True):
    """Whose signature counts from record `since` on."""

    since: int
    key: Ed25519PublicKey


class Rotated(Struct, frozen=True):
    """Where the change is recorded, and where the public key of the old one is kept."""

    log_sequence: int
    old_public_key: str
    new_public_key: str


def following(keys: list[KeyInForce], row: LogRow) -> KeyInForce | None:
    """The key that `row` puts in force after the last of `keys`; raises BadAnnouncement."""
    announced = announcement(decode_record(row.record)) if CONTENT.encode() in row.record else None
    if announced is None or announced.old_id != log_key_id(keys[-1].key):
        return None
    if not announced.is_signed_by(keys[-1].key):
        raise BadAnnouncement(f"record {row.sequence}: a key that the one in force did not sign")
    return KeyInForce(row.sequence, announced.new)


def keys_in_force(connection: sa.Connection, first: Ed25519PublicKey) -> list[KeyInForce]:
    """`first` and all that followed it in this log; raises BadAnnouncement.

    Announcements name no device, and of such records there are few: the index finds them.
    """
    table = tables.transmission_log
    rows = connection.execute(
        sa.select(table.c.sequence, table.c.record, table.c.head)
        .where(table.c.device.is_(None))
        .order_by(table.c.sequence)
    )
    keys = [KeyInForce(0, first)]
    for row in rows:
        found = following(keys, LogRow(row.sequence, row.record, row.head))
        if found is not None:
            keys.append(found)
    return keys


def key_at(keys: list[KeyInForce], sequence: int) -> Ed25519PublicKey:
    """Whose signature counts on the head after this record."""
    return next(one.key for one in reversed(keys) if one.since <= sequence)


def rotate(settings: Settings, *, now_ms: int) -> Rotated:
    """Announce a new log key under the old one's signature and put it in place; safe to repeat when cut short."""
    folder = settings.data_dir
    old = _read(folder / LOG_KEY_FILE)
    if not (folder / NEXT_KEY_FILE).exists():
        write_private(folder / NEXT_KEY_FILE, Ed25519PrivateKey.generate().private_bytes_raw())
    new = _read(folder / NEXT_KEY_FILE).public_key()
    engine = open_database(settings.database_url)
    try:
        with engine.begin() as connection:
            known = keys_in_force(connection, old.public_key())[1:]
            sequence = known[0].since if known else _announce(connection, old, new, now_ms)
    finally:
        engine.dispose()
    kept = folder / f"log-{log_key_id(old.public_key()).hex()}.pub"
    kept.write_bytes(old.public_key().public_bytes_raw())
    (folder / LOG_PUBLIC_FILE).write_bytes(new.public_bytes_raw())
    (folder / NEXT_KEY_FILE).replace(folder / LOG_KEY_FILE)
    return Rotated(sequence, str(kept), str(folder / LOG_PUBLIC_FILE))


def _announce(
    connection: sa.Connection, old: Ed25519PrivateKey, new: Ed25519PublicKey, now_ms: int
) -> int:
    writer = LogWriter(connection)
    sequence = writer.add(
        draft(Event.KEY, Result.DONE, at_ms=now_ms, content=CONTENT, detail=announce(old, new))
    )
    writer.flush()
    return sequence


def _read(path: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
