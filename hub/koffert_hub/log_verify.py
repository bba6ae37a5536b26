"""Does the log hold? Checks the chain, the numbering and the signed heads, and names the first bad record.

Pure: it reads rows from wherever they come (database, export, replica) and needs only public keys.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from koffert_hub.log_record import (
    GENESIS_HEAD,
    SignedHead,
    UnreadableRecord,
    decode_record,
    head_is_signed,
    log_key_id,
    next_head,
)
from koffert_hub.log_rotation import CONTENT, announcement


class LogRow(NamedTuple):
    """One row of a log: its number, the canonical record, and the head after it."""

    sequence: int
    record: bytes
    head: bytes


class Fault(StrEnum):
    """What is wrong with the first bad record."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    WRONG_NUMBER = "wrong-number"
    BROKEN_CHAIN = "broken-chain"
    CONTRADICTS_SIGNED_HEAD = "contradicts-signed-head"
    BAD_SIGNATURE = "bad-signature"
    RETIRED_KEY = "retired-key"
    UNKNOWN_KEY = "unknown-key"
    UNEXPECTED = "unexpected"
    DIFFERS_FROM_COPY = "differs-from-copy"
    TIME_COLUMN = "time-column"
    DEVICE_COLUMN = "device-column"
    BODY_CHANGED = "body-changed"
    BODY_OF_ANOTHER = "body-of-another"
    BODY_MISSING = "body-missing"
    BODY_NOT_LOGGED = "body-not-logged"


class FirstBad(Struct, frozen=True, omit_defaults=True):
    """The first record that does not hold.

    A signature covers all records before it: where that is what was contradicted, the altered record is one
    of those after `after`, up to and including `sequence`. Everywhere else it is `sequence` itself.
    """

    sequence: int
    fault: Fault
    after: int | None = None


class Verification(Struct, frozen=True):
    """The outcome: how many records and signed heads held before the first bad one.

    `unchecked_heads` were signed by keys that the verifier was not given: they prove nothing here. What follows record
    `signed_to` rests on the chain alone.
    """

    records: int
    heads: int
    ok: bool
    first_bad: FirstBad | None = None
    unchecked_heads: int = 0
    signed_to: int = 0


class LogPosition(NamedTuple):
    """A place in a log that is known to hold; verification may start there."""

    sequence: int
    head: bytes


GENESIS = LogPosition(0, GENESIS_HEAD)
# Looked for before a record is decoded once more: hardly one in a million announces a key.
_MAY_ANNOUNCE = CONTENT.encode()


def verify(
    rows: Iterable[LogRow],
    signed_heads: Iterable[SignedHead],
    keys: Sequence[Ed25519PublicKey],
    *,
    start: LogPosition = GENESIS,
    last: int | None = None,
) -> Verification:
    """Check `rows` (in order) after `start` up to record `last`, if it is told; a signed head beyond the last row shows a cut tail.

    A key that a trusted one announces in the log is trusted from there on in its place. Where there are signed
    heads and `keys` fit none of them, the first of them is the fault: it proves nothing.
    """
    heads = _by_record(signed_heads, start)
    trusted = {log_key_id(key): key for key in keys}
    retired: set[bytes] = set()
    held_up_to: dict[bytes, int] = {}
    position, held = start, 0

    def outcome(first_bad: FirstBad | None) -> Verification:
        good = position.sequence if first_bad is None else first_bad.after
        records = (position.sequence if good is None else good) - start.sequence
        known = trusted.keys() | retired
        unchecked = sum(one.key_id not in known for each in heads.values() for one in each)
        signed_to = max(held_up_to.values(), default=0)
        return Verification(records, held, first_bad is None, first_bad, unchecked, signed_to)

    for row in rows:
        fault = Fault.UNEXPECTED if position.sequence == last else check_row(position, row)
        if fault is not None:
            return outcome(row_fault(position, fault))
        old = _rotated(row, trusted)
        if isinstance(old, Fault):
            return outcome(FirstBad(row.sequence, old))
        retired |= old
        for signed in heads.get(row.sequence, ()):
            counted = _check_head(signed, row.head, trusted, retired)
            if counted is Fault.CONTRADICTS_SIGNED_HEAD:
                good = held_up_to.get(signed.key_id, start.sequence)
                return outcome(FirstBad(row.sequence, counted, after=good))
            if isinstance(counted, Fault):
                return outcome(FirstBad(row.sequence, counted))
            if counted:
                held_up_to[signed.key_id] = row.sequence
                held += 1
        position = LogPosition(row.sequence, row.head)
    known = trusted.keys() | retired
    beyond = any(
        one.key_id in known and sequence > position.sequence
        for sequence, each in heads.items()
        for one in each
    )
    if beyond or (last is not None and position.sequence < last):
        return outcome(FirstBad(position.sequence + 1, Fault.MISSING))
    reached = [sequence for sequence in heads if sequence <= position.sequence]
    unproven = bool(keys) and bool(reached) and not held
    return outcome(FirstBad(min(reached), Fault.UNKNOWN_KEY) if unproven else None)


def check_row(position: LogPosition, row: LogRow) -> Fault | None:
    """What is wrong with `row` as the record that follows `position`; one without a head could not be read."""
    if not row.head:
        return Fault.UNREADABLE
    if row.sequence != position.sequence + 1:
        return Fault.MISSING if row.sequence > position.sequence else Fault.WRONG_NUMBER
    if next_head(position.head, row.record) != row.head:
        return Fault.BROKEN_CHAIN
    try:
        record = decode_record(row.record)
    except UnreadableRecord:
        return Fault.UNREADABLE
    return None if record.sequence == row.sequence else Fault.WRONG_NUMBER


def first_difference(
    rows: Iterable[LogRow], copy: Iterable[LogRow], *, after: int = 0, last: int | None = None
) -> FirstBad | None:
    """The first record of `copy`, from `after` (exclusive) to `last`, that does not stand in `rows` as it stands there.

    Both are in order, `rows` from `after` on. `copy` is one that nobody who could write `rows` could write.
    """
    ours = iter(rows)
    row = next(ours, None)
    for kept in copy:
        if kept.sequence <= after:
            continue
        if last is not None and kept.sequence > last:
            return None
        while row is not None and row.sequence < kept.sequence:
            row = next(ours, None)
        if row is None or row.sequence != kept.sequence:
            return FirstBad(kept.sequence, Fault.MISSING)
        if row.record != kept.record:
            return FirstBad(kept.sequence, Fault.DIFFERS_FROM_COPY)
        if row.head != kept.head:
            # The copy begins after the record that was altered.
            return FirstBad(kept.sequence - 1, Fault.DIFFERS_FROM_COPY, after=after)
    return None


def earliest(*found: FirstBad | None) -> FirstBad | None:
    """The first of them by record; of two, the one that names the record itself."""
    bad = [one for one in found if one is not None]
    return min(bad, key=lambda one: (one.sequence, one.after is not None), default=None)


def row_fault(position: LogPosition, fault: Fault) -> FirstBad:
    """Name the record: the one that should have followed `position`, whatever number stands there."""
    return FirstBad(position.sequence + 1, fault)


def _by_record(
    signed_heads: Iterable[SignedHead], start: LogPosition
) -> dict[int, list[SignedHead]]:
    """The heads after `start`, by record."""
    found: dict[int, list[SignedHead]] = {}
    for signed in signed_heads:
        if signed.sequence > start.sequence:
            found.setdefault(signed.sequence, []).append(signed)
    return found


def _rotated(row: LogRow, trusted: dict[bytes, Ed25519PublicKey]) -> set[bytes] | Fault:
    """Take over the key that a trusted one announces here; returns the old one's id, if there is one."""
    if _MAY_ANNOUNCE not in row.record:
        return set()
    announced = announcement(decode_record(row.record))
    if announced is None or announced.old_id not in trusted:
        return set()
    if not announced.is_signed_by(trusted[announced.old_id]):
        return Fault.BAD_SIGNATURE
    del trusted[announced.old_id]
    trusted[log_key_id(announced.new)] = announced.new
    return {announced.old_id}


def _check_head(
    signed: SignedHead,
    head: bytes,
    trusted: dict[bytes, Ed25519PublicKey],
    retired: set[bytes],
) -> bool | Fault:
    """Whether a trusted key signed `head` here; that of an unknown key counts for nothing."""
    if signed.key_id in retired:
        return Fault.RETIRED_KEY
    if signed.key_id not in trusted:
        return False
    if not head_is_signed(signed, trusted[signed.key_id]):
        return Fault.BAD_SIGNATURE
    return True if signed.head == head else Fault.CONTRADICTS_SIGNED_HEAD
