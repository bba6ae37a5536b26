"""What every driver hands on: measurements with their confidence, and typed errors for bad bytes."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

# Enough of a damaged frame to recognise it in a log, little enough to keep a flood of garbage small.
ERROR_BYTES = 32


class Flag(StrEnum):
    """Why a value is missing or less than sure; `VOIDING` and `DOUBTFUL` say what each does to it."""

    NO_FINGER = "no-finger"
    NO_CONTACT = "no-contact"
    SEARCHING = "searching"
    PROBE_ERROR = "probe-error"
    NO_SIGNAL = "no-signal"
    ARTEFACT = "artefact"
    OUT_OF_TRACK = "out-of-track"
    SENSOR_ALARM = "sensor-alarm"
    SENSOR_DISCONNECTED = "sensor-disconnected"
    SENSOR_DISPLACED = "sensor-displaced"
    DEMONSTRATION = "demonstration"
    TEST = "test"
    CALIBRATING = "calibrating"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    UNSYNCHRONISED = "unsynchronised"
    LOW_PERFUSION = "low-perfusion"
    MARGINAL_PERFUSION = "marginal-perfusion"
    WEAK_SIGNAL = "weak-signal"
    ERRATIC_SIGNAL = "erratic-signal"
    IRREGULAR_SIGNAL = "irregular-signal"
    NON_PULSATILE = "non-pulsatile"
    QUESTIONABLE = "questionable"
    QUESTIONABLE_PULSE = "questionable-pulse"
    EARLY_ESTIMATE = "early-estimate"
    ANALYSIS_ONGOING = "analysis-ongoing"
    DISPLAY_EXTENDED = "display-extended"
    INTERFERENCE = "interference"
    UNKNOWN_SENSOR = "unknown-sensor"
    SENSOR_MALFUNCTION = "sensor-malfunction"
    EQUIPMENT_MALFUNCTION = "equipment-malfunction"
    MOVEMENT = "movement"
    CUFF_LOOSE = "cuff-loose"
    POSITION = "position"
    POOR_EFFORT = "poor-effort"
    SPO2_MISSING = "spo2-missing"
    PULSE_MISSING = "pulse-missing"
    IRREGULAR_PULSE = "irregular-pulse"
    PULSE_ABOVE_RANGE = "pulse-above-range"
    PULSE_BELOW_RANGE = "pulse-below-range"
    SPO2_DROPPING = "spo2-dropping"
    LOW_BATTERY = "low-battery"
    FROM_STORAGE = "from-storage"
    CLOCK_NOT_SET = "clock-not-set"


# The device says that it has no value now; a number beside such a flag is old or made up.
VOIDING = frozenset(
    {
        Flag.NO_FINGER,
        Flag.NO_CONTACT,
        Flag.SEARCHING,
        Flag.PROBE_ERROR,
        Flag.NO_SIGNAL,
        Flag.ARTEFACT,
        Flag.OUT_OF_TRACK,
        Flag.SENSOR_ALARM,
        Flag.SENSOR_DISCONNECTED,
        Flag.SENSOR_DISPLACED,
        Flag.DEMONSTRATION,
        Flag.TEST,
        Flag.CALIBRATING,
        Flag.UNAVAILABLE,
        Flag.INVALID,
        Flag.UNSYNCHRONISED,
    }
)

# The device gives a value and doubts it.
DOUBTFUL = frozenset(
    {
        Flag.LOW_PERFUSION,
        Flag.MARGINAL_PERFUSION,
        Flag.WEAK_SIGNAL,
        Flag.ERRATIC_SIGNAL,
        Flag.IRREGULAR_SIGNAL,
        Flag.NON_PULSATILE,
        Flag.QUESTIONABLE,
        Flag.QUESTIONABLE_PULSE,
        Flag.EARLY_ESTIMATE,
        Flag.ANALYSIS_ONGOING,
        Flag.DISPLAY_EXTENDED,
        Flag.INTERFERENCE,
        Flag.UNKNOWN_SENSOR,
        Flag.SENSOR_MALFUNCTION,
        Flag.EQUIPMENT_MALFUNCTION,
        Flag.MOVEMENT,
        Flag.CUFF_LOOSE,
        Flag.POSITION,
        Flag.POOR_EFFORT,
        Flag.SPO2_MISSING,
        Flag.PULSE_MISSING,
    }
)

# What says that there is no value, though one was to be expected. Samples without their packet's numbers do not.
_SAY_NO_VALUE = (VOIDING | DOUBTFUL) - {Flag.UNSYNCHRONISED}

# Devices give a yes or no, not a probability; one half says "less than sure" without inventing more.
DOUBTFUL_QUALITY = 0.5

# The numbers that a voiding flag removes. What is not here (battery, waveform, time) stands by itself.
NUMBERS = (
    "spo2_pct",
    "pulse_bpm",
    "pai_pct",
    "fev1_l",
    "fev6_l",
    "fvc_l",
    "pef_l_s",
    "fef25_l_s",
    "fef75_l_s",
    "fef25_75_l_s",
    "systolic_mmhg",
    "diastolic_mmhg",
    "map_mmhg",
    "temperature_c",
    "weight_kg",
)
_NO_NUMBERS = {**dict.fromkeys(NUMBERS), "interval_ms": ()}


class Measurement(Struct, frozen=True, kw_only=True):
    """What a device said at one moment; None where it gave no value.

    `waveform` holds raw samples in the device's own counts, `interval_ms` the times between beats.
    `measured_at` is the device's own clock and has no zone, because devices know none.
    `quality` (0-1) speaks of the numbers; 0 means that there is none.
    """

    spo2_pct: float | None = None
    pulse_bpm: float | None = None
    pai_pct: float | None = None
    fev1_l: float | None = None
    fev6_l: float | None = None
    fvc_l: float | None = None
    pef_l_s: float | None = None
    fef25_l_s: float | None = None
    fef75_l_s: float | None = None
    fef25_75_l_s: float | None = None
    systolic_mmhg: float | None = None
    diastolic_mmhg: float | None = None
    map_mmhg: float | None = None
    temperature_c: float | None = None
    weight_kg: float | None = None
    battery_pct: float | None = None
    waveform: tuple[int, ...] = ()
    interval_ms: tuple[float, ...] = ()
    finger: bool | None = None
    measured_at: datetime | None = None
    quality: float = 0.0
    flags: tuple[Flag, ...] = ()

    @property
    def speaks_of_numbers(self) -> bool:
        """Tells a device that has no value now from samples or a battery, which take no value away."""
        return self.quality > 0 or not _SAY_NO_VALUE.isdisjoint(self.flags)


class ErrorReason(StrEnum):
    """What was wrong with bytes that are no measurement."""

    GARBAGE = "garbage"  # no frame of this device starts here
    CHECKSUM = "checksum"
    TRUNCATED = "truncated"  # a frame ended before its length
    OVERSIZED = "oversized"  # a frame announced or had more than the protocol allows
    CONTENT = "content"  # a whole frame whose fields cannot be


class FrameError(Struct, frozen=True):
    """`size` bytes that were not a frame; `data` holds the first of them (at most ERROR_BYTES)."""

    reason: ErrorReason
    detail: str
    data: bytes
    size: int


Event = Measurement | FrameError


class Damaged(Exception):
    """Raised by a decoder for a frame that cannot be right; the parser makes it a FrameError."""

    def __init__(self, reason: ErrorReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def frame_error(reason: ErrorReason, detail: str, data: bytes) -> FrameError:
    """The error for `data`, of which only the beginning is kept."""
    return FrameError(reason, detail, data[:ERROR_BYTES], len(data))


def judged(raw: Measurement) -> Measurement:
    """`raw` with its quality set from its flags, and without numbers that its flags void."""
    if not VOIDING.isdisjoint(raw.flags):
        return replace(raw, **_NO_NUMBERS, quality=0.0)
    if all(getattr(raw, name) is None for name in NUMBERS):
        return replace(raw, quality=0.0)
    return replace(raw, quality=1.0 if DOUBTFUL.isdisjoint(raw.flags) else DOUBTFUL_QUALITY)


def judged_oximetry(raw: Measurement) -> Measurement:
    """`judged` for an oximeter: a number that is missing without a reason becomes a flag of its own."""
    if not VOIDING.isdisjoint(raw.flags):
        return judged(raw)
    missing = [Flag.SPO2_MISSING] if raw.spo2_pct is None else []
    if raw.pulse_bpm is None:
        missing.append(Flag.PULSE_MISSING)
    return judged(replace(raw, flags=(*raw.flags, *missing)) if missing else raw)


def saturation(raw: float) -> float | None:
    """`raw` as SpO2 in percent; None for 0 and for more than 100, where each device's "missing" lies."""
    return raw if 0 < raw <= 100 else None


def rate(raw: float, *, missing: float | None = 255) -> float | None:
    """`raw` as a pulse in beats per minute; None for the device's `missing` mark and for 0."""
    return None if raw == missing or raw <= 0 else raw


def flags_set(bits: int, names: dict[int, Flag]) -> tuple[Flag, ...]:
    """The flags of those bits that are set; `names` maps a bit's number (0 is the lowest) to a flag."""
    return tuple(flag for bit, flag in names.items() if bits >> bit & 1)
