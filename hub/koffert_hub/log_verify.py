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


def verify(
    rows: Iterable[LogRow],
    signed_heads: Iterable[SignedHead],
    keys: Sequence[Ed25519PublicKey],
    *,
    start: LogPosition = GENESIS,
) -> Verification:
    """Check `rows` (in order) after `start`; a signed head beyond the last row shows a cut tail."""
    known, unchecked = _sort(signed_heads, {log_key_id(key) for key in keys}, start)
    position, held = start, 0

    def outcome(first_bad: FirstBad | None) -> Verification:
        records = position.sequence - start.sequence
        return Verification(records, held, first_bad is None, first_bad, unchecked)

    for row in rows:
        fault = check_row(position, row)
        if fault is not None:
            return outcome(row_fault(position, row, fault))
        for signed in known.pop(row.sequence, ()):
            head_fault = _check_head(signed, row.head, keys)
            if head_fault is not None:
                return outcome(FirstBad(row.sequence, head_fault))
            held += 1
        position = LogPosition(row.sequence, row.head)
    return outcome(FirstBad(position.sequence + 1, Fault.MISSING) if known else None)


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


def _sort(
    signed_heads: Iterable[SignedHead], key_ids: set[bytes], start: LogPosition
) -> tuple[dict[int, list[SignedHead]], int]:
    """The heads after `start` that one of the keys claims, by record; and how many others there are."""
    known: dict[int, list[SignedHead]] = {}
    unchecked = 0
    for signed in signed_heads:
        if signed.sequence <= start.sequence:
            continue
        if signed.key_id in key_ids:
            known.setdefault(signed.sequence, []).append(signed)
        else:
            unchecked += 1
    return known, unchecked


def _check_head(signed: SignedHead, head: bytes, keys: Sequence[Ed25519PublicKey]) -> Fault | None:
    if not any(head_is_signed(signed, key) for key in keys):
        return Fault.BAD_SIGNATURE
    return None if signed.head == head else Fault.CONTRADICTS_SIGNED_HEAD
