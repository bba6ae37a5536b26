"""What the engine remembers of a patient between two readings: small, and msgpack of itself.

A state is changed in place by the fold that owns it (`engine.advance`) and by nothing else.
"""

import msgspec
from msgspec import Struct, field

from koffert_hub.alerts.records import CANNOT_MEASURE, DEVICE_PREFIX, Kind, Level


class Day(Struct, array_like=True):
    """What one civil day brought; sums and counts are of accepted readings at rest."""

    number: int
    spo2_count: int = 0
    spo2_sum: float = 0.0
    pulse_count: int = 0
    pulse_sum: float = 0.0
    respiratory_rate_count: int = 0
    respiratory_rate_sum: float = 0.0
    symptoms: int = 0
    answered: bool = False
    bad: bool = False
    composite_z: float | None = None
    foreign: bool = False
    teaches: bool = True

    @property
    def spo2_pct(self) -> float | None:
        """The day's mean."""
        return self.spo2_sum / self.spo2_count if self.spo2_count else None

    @property
    def pulse_bpm(self) -> float | None:
        """The day's mean."""
        return self.pulse_sum / self.pulse_count if self.pulse_count else None

    @property
    def respiratory_rate_bpm(self) -> float | None:
        """The day's mean."""
        count = self.respiratory_rate_count
        return self.respiratory_rate_sum / count if count else None


class Baseline(Struct, frozen=True, array_like=True):
    """What is usual for the patient as of today.

    `usual_from_pct` is the lowest saturation that is nothing new, None while too little is known.
    """

    spo2_mean_pct: float
    spo2_sd_pct: float
    pulse_mean_bpm: float
    pulse_sd_bpm: float
    own_days: int
    usual_from_pct: float | None


class Track(Struct, array_like=True):
    """One cause: its level, and the milder level that it falls to at `falls_ms` unless it returns."""

    level: Level = Level.NONE
    falls_to: Level = Level.NONE
    falls_ms: int | None = None


class Awaited(Struct, frozen=True, array_like=True):
    """A first red reading, or a call, that waits for its confirmation or answer until `until_ms`."""

    since_ms: int
    until_ms: int
    value: float
    reading: str
    late: bool


class Latest(Struct, frozen=True, array_like=True):
    """The newest accepted value of a kind."""

    at_ms: int
    value: float | str
    on_oxygen: bool | None = None


class State(Struct):
    """All of it; `days` ends with the newest day, `mild` holds the vitals whose newest value is off."""

    at_ms: int = -(1 << 62)
    at_id: str = ""
    next_due_ms: int | None = None
    day_start_ms: int = 0
    day_end_ms: int = 0
    frozen_until_day: int = 0
    case_from_ms: int = 0
    ever_answered: bool = False
    baseline: Baseline | None = None
    days: list[Day] = field(default_factory=list)
    tracks: dict[str, Track] = field(default_factory=dict)
    awaited: dict[str, Awaited] = field(default_factory=dict)
    mild: dict[str, int] = field(default_factory=dict)
    latest: dict[Kind, Latest] = field(default_factory=dict)
    failed_attempts_ms: list[int] = field(default_factory=list)
    fev1_own_l: list[float] = field(default_factory=list)
    fev1_low_sessions: int = 0
    first_reports: dict[Kind, float] = field(default_factory=dict)
    high_reports: dict[Kind, int] = field(default_factory=dict)

    @property
    def today(self) -> Day:
        """The newest day."""
        return self.days[-1]

    def level(self, cause: str) -> Level:
        """How high a cause stands."""
        track = self.tracks.get(cause)
        return track.level if track else Level.NONE

    def unwell(self) -> bool:
        """Whether any clinical alert stands: such days teach nothing about what is usual."""
        return any(
            track.level >= Level.YELLOW and cause != CANNOT_MEASURE
            for cause, track in self.tracks.items()
            if not cause.startswith(DEVICE_PREFIX)
        )


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(State)


def encode_state(state: State) -> bytes:
    """A state as stored."""
    return _ENCODER.encode(state)


def decode_state(data: bytes) -> State:
    """A stored state."""
    return _DECODER.decode(data)
