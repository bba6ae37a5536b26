"""What of an outbox's lane has arrived: pure bookkeeping of the places in its sequence.

A place is missing until a transmission fills it. By what the box says when it sends, a missing place is on
its way (the box still holds it), dropped (a `Dropped` message named it) or lost (the box no longer holds it
and never said why).
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec
from msgspec import Struct

# A lane that is torn more often than this is an engineer's case; the oldest settled gaps are forgotten.
MAX_GAPS = 256


class GapState(StrEnum):
    """Why a place is empty."""

    ON_ITS_WAY = "on-its-way"
    DROPPED = "dropped"
    LOST = "lost"


class Gap(Struct, frozen=True):
    """Empty places `first` to `last`, both included, since the hub noticed them."""

    first: int
    last: int
    state: GapState
    since_ms: int


class Progress(Struct, frozen=True):
    """A lane of one outbox: every place below `next_sequence` is filled or lies in a gap."""

    next_sequence: int = 0
    gaps: tuple[Gap, ...] = ()

    def has(self, sequence: int) -> bool:
        """Whether that place was filled before."""
        empty = any(gap.first <= sequence <= gap.last for gap in self.gaps)
        return sequence < self.next_sequence and not empty


def arrived(progress: Progress, sequence: int, now_ms: int) -> Progress:
    """A transmission fills the place `sequence`."""
    reached = _reach(progress, sequence + 1, now_ms)
    return Progress(reached.next_sequence, tuple(_without(reached.gaps, sequence, sequence)))


def dropped(progress: Progress, first: int, last: int, now_ms: int) -> Progress:
    """The box named the places that it gave up; those that did arrive are not gaps."""
    return _settle(_reach(progress, last + 1, now_ms), first, last, GapState.DROPPED)


def released_below(progress: Progress, lowest_queued: int, now_ms: int) -> Progress:
    """The box holds nothing below `lowest_queued`: what is still empty there is lost."""
    if not progress.gaps and progress.next_sequence >= lowest_queued:
        return progress
    return _settle(_reach(progress, lowest_queued, now_ms), 0, lowest_queued - 1, GapState.LOST)


def lost_places(progress: Progress) -> int:
    """How many places are lost."""
    return sum(g.last - g.first + 1 for g in progress.gaps if g.state is GapState.LOST)


_GAPS = msgspec.json.Decoder(tuple[Gap, ...])


def encode_gaps(gaps: tuple[Gap, ...]) -> str:
    """Gaps as stored."""
    return msgspec.json.encode(gaps).decode()


def decode_gaps(text: str) -> tuple[Gap, ...]:
    """Stored gaps."""
    return _GAPS.decode(text)


def _reach(progress: Progress, next_sequence: int, now_ms: int) -> Progress:
    """Move the end on; the places skipped are on their way."""
    if next_sequence <= progress.next_sequence:
        return progress
    skipped = Gap(progress.next_sequence, next_sequence - 1, GapState.ON_ITS_WAY, now_ms)
    return Progress(next_sequence, _bounded((*progress.gaps, skipped)))


def _settle(progress: Progress, first: int, last: int, state: GapState) -> Progress:
    """Give the places on their way within [first, last] their state."""
    gaps: list[Gap] = []
    for gap in progress.gaps:
        if gap.state is not GapState.ON_ITS_WAY or gap.last < first or gap.first > last:
            gaps.append(gap)
            continue
        inside = Gap(max(gap.first, first), min(gap.last, last), state, gap.since_ms)
        gaps.extend(_without((gap,), inside.first, inside.last))
        gaps.append(inside)
    return Progress(progress.next_sequence, _bounded(sorted(gaps, key=lambda gap: gap.first)))


def _without(gaps: Iterable[Gap], first: int, last: int) -> Iterator[Gap]:
    for gap in gaps:
        if gap.first < first:
            yield Gap(gap.first, min(gap.last, first - 1), gap.state, gap.since_ms)
        if gap.last > last:
            yield Gap(max(gap.first, last + 1), gap.last, gap.state, gap.since_ms)


def _bounded(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    kept = tuple(gaps)
    return kept[-MAX_GAPS:]
