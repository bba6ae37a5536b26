"""When was a meter's record taken, and was it under this loan? Pure, but for the file of what is proved.

A meter may hold records of whoever had it before, and its clock may be wrong, unset, or set back. What is proved is
kept as one moment of the meter's own clock: all that it stamps later was taken under this loan. The moment is when
its memory was seen empty, or else the latest of its clock's time before and after the box set it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from koffert_agent.clock import NS_PER_S
from koffert_drivers.measurement import Flag, Measurement
from koffert_wire.messages import Instant
from koffert_wire.private_files import replace_private

_FILE = "meter_memory.json"
# Clocks are read to the second, and an indication may wait a little; more is another time.
_LIVE_WITHIN = timedelta(seconds=120)
# A meter of unknown zone may show local time: two hours in a Norwegian summer, and a little for its drift.
_ZONE_MARGIN = timedelta(hours=3)


class Doubt(StrEnum):
    """Why a record is not filed as a reading."""

    NO_TIME = "no-time"  # the meter did not know the time when it was taken
    CLOCK_UNKNOWN = "clock-unknown"  # it bears a time of a clock that nobody could compare
    IN_THE_FUTURE = "in-the-future"  # the clock was set back since
    BEFORE_PROOF = "before-proof"  # it may be older than the loan


class DeviceClock(Struct, frozen=True):
    """What a meter's clock showed (no zone) at a moment of the box's boot clock."""

    shown: datetime
    boottime_ns: int

    def at(self, boottime_ns: int) -> datetime:
        """What it shows at that moment, if nobody sets it meanwhile."""
        return self.shown + timedelta(seconds=(boottime_ns - self.boottime_ns) / NS_PER_S)


def is_live(measurement: Measurement, at: Instant, clocks: Sequence[DeviceClock]) -> bool:
    """Whether a value that came at `at` was taken just then, and does not come from the meter's memory.

    `clocks` are what the meter's clock was on arrival and since the box set it; a value may bear either.
    """
    if Flag.FROM_STORAGE in measurement.flags:
        return False
    if measurement.measured_at is None:
        return True
    if clocks:
        ages = (clock.at(at.boottime_ns) - measurement.measured_at for clock in clocks)
        return any(abs(age) <= _LIVE_WITHIN for age in ages)
    if not at.wall_trusted:
        return True
    wall = datetime.fromtimestamp(at.wall_ns / NS_PER_S, UTC).replace(tzinfo=None)
    return abs(wall - measurement.measured_at) <= _ZONE_MARGIN


def date_stored(
    measurement: Measurement,
    at: Instant,
    clock: DeviceClock | None,
    proved_after: datetime | None,
) -> Instant | Doubt:
    """When a record that was fetched at `at` was taken, or why it is not the patient's beyond doubt.

    `clock` is the one that stamped it: as it was before the box set it now. `proved_after` is as in this
    module's description; None while nothing is proved.
    """
    taken = measurement.measured_at
    if taken is None:
        return Doubt.NO_TIME
    if clock is None:
        return Doubt.CLOCK_UNKNOWN
    age = clock.at(at.boottime_ns) - taken
    if age < -_LIVE_WITHIN:
        return Doubt.IN_THE_FUTURE
    if proved_after is None or taken <= proved_after:
        return Doubt.BEFORE_PROOF
    age_ns = max(0, round(age.total_seconds() * NS_PER_S))
    return Instant(at.boottime_ns - age_ns, at.wall_ns - age_ns, at.wall_trusted)


class _Proof(Struct, frozen=True):
    loan: str | None
    after: datetime
    taken: tuple[str, ...] = ()


class MemoryBook:
    """`<data_dir>/meter_memory.json`: what is proved of each meter, under one loan."""

    def __init__(self, data_dir: Path, loan: str | None) -> None:
        self._path = data_dir / _FILE
        self._loan = loan

    def proved_after(self, address: str) -> datetime | None:
        """The moment of the meter's clock after which its records are this loan's; None without a loan."""
        proof = self._proof(address)
        return None if proof is None else proof.after

    def taken(self, address: str) -> frozenset[str]:
        """Which files of a meter that keeps them were taken under this loan."""
        proof = self._proof(address)
        return frozenset(() if proof is None else proof.taken)

    def note_taken(self, address: str, files: Sequence[str]) -> None:
        """These, of all that the meter has, have been taken; without a proof nothing is noted."""
        proof = self._proof(address)
        if proof is not None:
            self._write(address, replace(proof, taken=tuple(files)))

    def prove(self, address: str, after: datetime, *, anew: bool) -> None:
        """Write a proof down; an older one of this loan stands unless `anew`."""
        if anew or self.proved_after(address) is None:
            self._write(address, _Proof(self._loan, after))

    def _proof(self, address: str) -> _Proof | None:
        proof = self._read().get(address)
        known = proof is not None and proof.loan == self._loan and self._loan is not None
        return proof if known else None

    def _write(self, address: str, proof: _Proof) -> None:
        replace_private(self._path, msgspec.json.encode(self._read() | {address: proof}))

    def _read(self) -> dict[str, _Proof]:
        """A damaged file proves nothing."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Proof])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}
