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


class FirstBad(Struct, frozen=True):
    """The first record that does not hold."""

    sequence: int
    fault: Fault


class Verification(Struct, frozen=True):
    """The outcome: how many records and signed heads held before the first bad one.

    `unchecked_heads` were signed by keys that the verifier was not given: they prove nothing here.
    """

    records: int
    heads: int
    ok: bool
    first_bad: FirstBad | None = None
    unchecked_heads: int = 0


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
) -> Verification:
    """Check `rows` (in order) after `start`; a signed head beyond the last row shows a cut tail.

    A key that a trusted one announces in the log is trusted from there on in its place.
    """
    heads = _by_record(signed_heads, start)
    trusted = {log_key_id(key): key for key in keys}
    retired: set[bytes] = set()
    position, held = start, 0

    def outcome(first_bad: FirstBad | None) -> Verification:
        records = position.sequence - start.sequence
        known = trusted.keys() | retired
        unchecked = sum(one.key_id not in known for each in heads.values() for one in each)
        return Verification(records, held, first_bad is None, first_bad, unchecked)

    for row in rows:
        fault = check_row(position, row)
        if fault is not None:
            return outcome(row_fault(position, row, fault))
        old = _rotated(row, trusted)
        if isinstance(old, Fault):
            return outcome(FirstBad(row.sequence, old))
        retired |= old
        for signed in heads.get(row.sequence, ()):
            if signed.key_id in retired:
                return outcome(FirstBad(row.sequence, Fault.RETIRED_KEY))
            if signed.key_id not in trusted:
                continue
            head_fault = _check_head(signed, row.head, trusted[signed.key_id])
            if head_fault is not None:
                return outcome(FirstBad(row.sequence, head_fault))
            held += 1
        position = LogPosition(row.sequence, row.head)
    known = trusted.keys() | retired
    beyond = any(
        one.key_id in known and sequence > position.sequence
        for sequence, each in heads.items()
        for one in each
    )
    return outcome(FirstBad(position.sequence + 1, Fault.MISSING) if beyond else None)


def check_row(position: LogPosition, row: LogRow) -> Fault | None:
    """What is wrong with `row` as the record that follows `position`."""
    if row.sequence != position.sequence + 1:
        return Fault.MISSING if row.sequence > position.sequence else Fault.WRONG_NUMBER
    if next_head(position.head, row.record) != row.head:
        return Fault.BROKEN_CHAIN
    try:
        record = decode_record(row.record)
    except UnreadableRecord:
        return Fault.UNREADABLE
    return None if record.sequence == row.sequence else Fault.WRONG_NUMBER


def row_fault(position: LogPosition, row: LogRow, fault: Fault) -> FirstBad:
    """Name the record: where one is missing, it is the one that should have come."""
    expected = position.sequence + 1
    return FirstBad(expected if fault is Fault.MISSING else row.sequence, fault)


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


def _check_head(signed: SignedHead, head: bytes, key: Ed25519PublicKey) -> Fault | None:
    if not head_is_signed(signed, key):
        return Fault.BAD_SIGNATURE
    return None if signed.head == head else Fault.CONTRADICTS_SIGNED_HEAD
