"""What goes into the outbox, what comes out, and what can go wrong."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from koffert_wire.envelope import Sealed
from koffert_wire.topics import Lane


class Draft(NamedTuple):
    """A transmission before its place is known: `seal(outbox id, sequence)` makes its final bytes.

    `weight_bytes` is what its row will take at most.
    """

    id: bytes
    lane: Lane
    weight_bytes: int
    seal: Callable[[bytes, int], Sealed]


class Drop(Struct, frozen=True):
    """Transmissions given up, to be told to the hub: `count` of those from `first` to `last`."""

    lane: Lane
    first_sequence: int
    last_sequence: int
    count: int
    reason: "DropReason"


class DropReason(StrEnum):
    """Why a transmission was given up."""

    FULL = "full"
    DAMAGED = "damaged"


class Row(NamedTuple):
    """A queued transmission as stored; `number` orders rows by when they were queued."""

    number: int
    id: bytes
    lane: Lane
    sequence: int
    sealed: Sealed

    @property
    def size_bytes(self) -> int:
        """What it weighs on the link, without stamp and MAC."""
        return len(self.sealed.header) + len(self.sealed.body)


class Batch(NamedTuple):
    """Rows to send, and per lane the lowest sequence still queued when they were read."""

    rows: list[Row]
    lowest_queued: dict[Lane, int]


class Quota(Struct, frozen=True):
    """How many bytes the outbox may hold; the last `reserve_bytes` of them are for alarms alone."""

    total_bytes: int
    reserve_bytes: int

    def limit_bytes(self, lane: Lane) -> int:
        """Up to where rows of `lane` are taken; bulk leaves as much again for the vitals."""
        kept_free = {Lane.ALARM: 0, Lane.VITALS: 1, Lane.BULK: 2}[lane]
        return self.total_bytes - kept_free * self.reserve_bytes


class LaneCount(Struct, frozen=True):
    """What the outbox holds of one lane; `damaged` rows are kept aside for an engineer."""

    queued: int
    queued_bytes: int
    released: int
    released_bytes: int
    damaged: int
    dropped: int
    oldest_header: bytes | None


class OutboxReason(StrEnum):
    """What the caller can do about it differs by reason."""

    FULL = "full"
    BUSY = "busy"
    UNSAFE = "unsafe"
    DAMAGED = "damaged"
    NEWER = "newer"
    DISK = "disk"


class OutboxError(Exception):
    """The one error of the outbox: nothing of what was asked has been stored."""

    def __init__(self, reason: OutboxReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
