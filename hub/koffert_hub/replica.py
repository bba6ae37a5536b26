"""The emergency centre's copy of one hub's log: takes only what continues what it holds."""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from koffert_hub import tables
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.log_keys import BadAnnouncement, KeyInForce, following, key_at, keys_in_force
from koffert_hub.log_record import SignedHead, head_is_signed, log_key_id, sign_head
from koffert_hub.log_verify import LogPosition, LogRow, check_row, row_fault
from koffert_hub.technical_alerts import Cause, close_alert, raise_alert
from koffert_hub.transmission_log import (
    copy_rows,
    keep_signed_head,
    position,
    rows_after,
    signed_heads,
    start_state,
)

# What a replica holds; `koffert log` reads it as it reads a hub's database.
REPLICA_TABLES = (
    tables.log_state,
    tables.transmission_log,
    tables.signed_head,
    tables.technical_alert,
)


class Contradiction(Exception):
    """The hub said something that does not continue what it said before. A person must look."""


class Replica:
    """One hub's log in a SQLite file; all methods block and belong on one thread."""

    def __init__(
        self, path: Path, hub: str, hub_key: Ed25519PublicKey, own_key: Ed25519PrivateKey
    ) -> None:
        self._hub = hub
        self._own_key = own_key
        self._engine = open_database(f"sqlite:///{path}")
        with self._engine.begin() as connection:
            tables.metadata.create_all(connection, tables=list(REPLICA_TABLES))
            start_state(connection)
            self._keys = keys_in_force(connection, hub_key)

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    def position(self) -> LogPosition:
        """Up to where the log is held."""
        with open_reading(self._engine) as connection:
            return position(connection)

    def append(self, rows: Sequence[LogRow]) -> None:
        """Take rows that continue the chain; raises Contradiction at the first that does not."""
        with self._engine.begin() as connection:
            here = position(connection)
            good = _continuing(here, rows)
            keys = _followed(self._keys, rows[:good])
            copy_rows(connection, rows[:good])
        self._keys = keys
        if good < len(rows):
            before = LogPosition(rows[good - 1].sequence, rows[good - 1].head) if good else here
            fault = check_row(before, rows[good])
            assert fault is not None  # noqa: S101 - it is where `_continuing` stopped
            bad = row_fault(before, fault)
            raise Contradiction(f"record {bad.sequence}: {bad.fault}")

    def check_position(self, theirs: LogPosition) -> None:
        """The hub's log may be longer than ours, never shorter or different; raises Contradiction."""
        ours = self.position()
        if theirs.sequence < ours.sequence:
            raise Contradiction(f"record {theirs.sequence + 1}: missing")
        if theirs.sequence == ours.sequence and theirs.head != ours.head:
            raise Contradiction(f"record {ours.sequence}: another head")

    def countersign(self, signed: SignedHead, *, now_ms: int) -> SignedHead:
        """Sign a head that fits what is held; raises Contradiction when it does not."""
        with self._engine.begin() as connection:
            held = next(rows_after(connection, signed.sequence - 1, 1), None)
            if held is None or held.sequence != signed.sequence or held.head != signed.head:
                raise Contradiction(f"record {signed.sequence}: another signed head")
            if not head_is_signed(signed, key_at(self._keys, signed.sequence)):
                raise Contradiction(f"record {signed.sequence}: a signature that is not the hub's")
            ours = sign_head(signed.sequence, signed.head, now_ms, self._own_key)
            keep_signed_head(connection, signed)
            keep_signed_head(connection, ours)
        return ours

    def countersigned(self) -> list[SignedHead]:
        """Every head that we signed."""
        own = log_key_id(self._own_key.public_key())
        with open_reading(self._engine) as connection:
            return signed_heads(connection, key_id=own)

    def alarm(self, cause: Cause, detail: str, *, now_ms: int) -> bool:
        """Raise an alert about this hub; returns whether it is new."""
        with self._engine.begin() as connection:
            return raise_alert(connection, self._hub, cause, detail, now_ms=now_ms)

    def all_clear(self, cause: Cause, *, now_ms: int) -> bool:
        """The hub does this no longer; returns whether there was an alert."""
        with self._engine.begin() as connection:
            return close_alert(connection, self._hub, cause, now_ms=now_ms)

    @property
    def engine(self) -> sa.Engine:
        """For reading the log and the alerts."""
        return self._engine


def _followed(keys: list[KeyInForce], rows: Sequence[LogRow]) -> list[KeyInForce]:
    """The hub's keys after these rows; raises Contradiction."""
    keys = list(keys)
    try:
        for row in rows:
            found = following(keys, row)
            if found is not None:
                keys.append(found)
    except BadAnnouncement as error:
        raise Contradiction(str(error)) from error
    return keys


def _continuing(here: LogPosition, rows: Sequence[LogRow]) -> int:
    """How many of `rows` continue the chain."""
    for index, row in enumerate(rows):
        if check_row(here, row) is not None:
            return index
        here = LogPosition(row.sequence, row.head)
    return len(rows)
