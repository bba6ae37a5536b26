"""When was it measured? Pure: the box's clocks and the hub's arrival time in, a time and its quality out.

A box has no battery-backed clock, so its wall time may be 1970 or years ahead. What decides (all of it is
kept with the body, so a rebuild comes to the same times):

- the same boot sent it: age = how long its boot-time clock ran between measuring and sending. Where
  arrival − age and its wall time agree, the wall time stands; else arrival − age is the time.
- an earlier boot measured it: a wall time that the box trusted and that lies within the bounds stands;
  otherwise the wall time is only held between its bounds and stays marked.
"""

from typing import NamedTuple

import msgspec
from msgspec import Struct

from koffert_hub.time_series.records import TimeQuality
from koffert_wire.envelope import Header, SendStamp
from koffert_wire.messages import Instant

# Clocks within this of each other agree: more than a slow link's delay, less than anyone reads off a trend.
AGREEMENT_NS = 5_000_000_000

# A transmission that was long under way looks like a slow clock. A minute under way is beyond any link that
# still answers; a clock a minute off is worth somebody's look.
PLAINLY_WRONG_MS = 60_000

_MS = 1_000_000


class TimeBasis(Struct, frozen=True, array_like=True):
    """All that the time of a body's readings rests on; bounds hold for earlier boots."""

    received_ns: int
    sent_boottime_ns: int
    same_boot: bool
    earliest_ns: int


class MeasuredAt(NamedTuple):
    """A time on the hub's clock and how it is known."""

    ms: int
    quality: TimeQuality


def time_basis(
    header: Header, stamp: SendStamp, *, received_ns: int, earliest_ns: int
) -> TimeBasis:
    """What the times in this transmission rest on; nothing in it is older than `earliest_ns`."""
    same_boot = header.boot == stamp.boot
    return TimeBasis(received_ns, stamp.sent.boottime_ns, same_boot, earliest_ns)


def measured_at(at: Instant, basis: TimeBasis) -> MeasuredAt:
    """The best time for a reading that the box took `at`."""
    if basis.same_boot:
        return _within_boot(at, basis)
    # The sending boot has run for sent_boottime_ns: what an earlier one measured is older than its start.
    latest_ns = max(basis.received_ns - basis.sent_boottime_ns, basis.earliest_ns)
    held_ns = min(max(at.wall_ns, basis.earliest_ns), latest_ns)
    trusted = at.wall_trusted and abs(held_ns - at.wall_ns) <= AGREEMENT_NS
    if trusted:
        return MeasuredAt(at.wall_ns // _MS, TimeQuality.WALL)
    return MeasuredAt(held_ns // _MS, TimeQuality.BOUNDED)


def is_plainly_wrong(at: Instant, measured: MeasuredAt) -> bool:
    """Whether the box's wall clock was off by more than a slow link explains."""
    off_ms = abs(at.wall_ns // _MS - measured.ms)
    return measured.quality is TimeQuality.CORRECTED and off_ms > PLAINLY_WRONG_MS


def encode_basis(basis: TimeBasis) -> bytes:
    """A basis as stored."""
    return msgspec.msgpack.encode(basis)


def decode_basis(data: bytes) -> TimeBasis:
    """A stored basis."""
    return _BASIS.decode(data)


_BASIS = msgspec.msgpack.Decoder(TimeBasis)


def _within_boot(at: Instant, basis: TimeBasis) -> MeasuredAt:
    age_ns = max(basis.sent_boottime_ns - at.boottime_ns, 0)
    corrected_ns = basis.received_ns - age_ns
    if abs(at.wall_ns - corrected_ns) <= AGREEMENT_NS:
        return MeasuredAt(at.wall_ns // _MS, TimeQuality.WALL)
    return MeasuredAt(corrected_ns // _MS, TimeQuality.CORRECTED)
