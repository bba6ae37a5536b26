"""The text form of a case: JSON with a patient on the first line, then one reading a line.

A file that is not understood whole is not judged at all: every bad line is named.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.records import (
    Alert,
    Correction,
    DeviceProblem,
    Kind,
    Patient,
    PatientBaseline,
    PatientLimits,
    Reading,
    Session,
    Symptoms,
    Value,
)

_T = TypeVar("_T")

Quality = Annotated[float, Meta(ge=0, le=1)]
_Percent = Annotated[float, Meta(ge=0, le=100)]
_Rate = Annotated[float, Meta(ge=0, le=400)]
# What a person may hang on a button that has no value of its own.
_Pressed = Annotated[float, Meta(ge=0)] | bool | None


class BadLine(Struct, frozen=True):
    """One line that cannot be used. `error` is a fixed word, `detail` a sentence."""

    error: str
    line: int
    detail: str


class BadLines(Exception):
    """The input cannot be used; all bad lines are named."""

    def __init__(self, lines: list[BadLine]) -> None:
        super().__init__("; ".join(f"line {bad.line}: {bad.detail}" for bad in lines))
        self.lines = lines


class Story(NamedTuple):
    """A patient and the readings, in the order of the file."""

    patient: Patient
    readings: list[Reading]


class _PatientLine(Struct, frozen=True):
    spo2_scale: Literal[1, 2] = 1
    on_oxygen: bool | None = None
    target_low_pct: _Percent | None = None
    target_high_pct: _Percent | None = None
    discharged_at: str | None = None
    limits: PatientLimits | None = None
    baseline: PatientBaseline | None = None


class _FirstLine(Struct, frozen=True):
    patient: _PatientLine


class _Line(Struct, frozen=True):
    measured_at: str
    kind: Kind
    value: msgspec.Raw = msgspec.Raw(b"null")
    id: str | int | None = None
    arrived_at: str | None = None
    quality: Quality | None = None
    oxygen_l_min: Annotated[float, Meta(ge=0, le=100)] | None = None
    at_rest: bool | None = None
    reliever_before: bool | None = None


class _Diary(Struct, frozen=True):
    """As `Symptoms`; a question that was not answered counts as no."""

    breathlessness_worse: bool | None = None
    sputum_more: bool | None = None
    sputum_colour: bool | None = None
    cough: bool | None = None
    wheeze: bool | None = None
    cold: bool | None = None
    fever: bool | None = None


class _Correction(Struct, frozen=True):
    """As `Correction`; a reading may be numbered."""

    of: str | int
    reason: str


class _Session(Struct, frozen=True):
    """Both must be there; a session without a grade or without FEV1 is no value."""

    fev1_l: Annotated[float, Meta(ge=0, le=15)] | None
    grade: Literal["A", "B", "C", "D", "E", "F", "U"] | None
    fvc_l: Annotated[float, Meta(ge=0, le=15)] | None = None


# No patient of this system was measured before, and calendars beyond need no support.
_FIRST_YEAR, _LAST_YEAR = 2000, 2100

# What a value of each kind may be; wider than life, narrower than nonsense.
_VALUES: dict[Kind, msgspec.json.Decoder[Any]] = {
    Kind.SPO2: msgspec.json.Decoder(_Percent | None),
    Kind.PULSE: msgspec.json.Decoder(_Rate | None),
    Kind.RESPIRATORY_RATE: msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=150)] | None),
    Kind.TEMPERATURE: msgspec.json.Decoder(Annotated[float, Meta(ge=15, le=50)] | None),
    Kind.SYSTOLIC: msgspec.json.Decoder(_Rate | None),
    Kind.CAT: msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=40)] | None),
    Kind.MMRC: msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=4)] | None),
    Kind.RELIEVER: msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=100)] | None),
    Kind.CONSCIOUSNESS: msgspec.json.Decoder(Literal["A", "C", "V", "P", "U"] | None),
    Kind.DIARY: msgspec.json.Decoder(_Diary | None),
    Kind.SPIROMETRY: msgspec.json.Decoder(_Session | None),
    Kind.CALL_BUTTON: msgspec.json.Decoder(_Pressed),
    Kind.DEVICE: msgspec.json.Decoder(DeviceProblem),
    Kind.CORRECTION: msgspec.json.Decoder(_Correction),
}
_FIRST = msgspec.json.Decoder(_FirstLine)
_READING = msgspec.json.Decoder(_Line)


def read_story(lines: Iterable[bytes]) -> Story:
    """Patient and readings; raises BadLines."""
    numbered = [(n, line.strip()) for n, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise BadLines([BadLine("no-patient", 1, "the first line must hold the patient")])
    bad: list[BadLine] = []
    patient = _read(bad, *numbered[0], parse=_patient)
    parsed = [_read(bad, number, line, parse=_reading) for number, line in numbered[1:]]
    if bad or patient is None:
        raise BadLines(bad)
    return Story(patient, [reading for reading in parsed if reading is not None])


def alert_record(alert: Alert) -> dict[str, object]:
    """An alert as it is printed, times in ISO 8601."""
    return {
        "raised_at": iso(alert.raised_ms),
        "priority": alert.priority,
        "cause": alert.cause,
        "rule": alert.rule,
        "version": alert.version,
        "inputs": alert.inputs,
        "limits": alert.limits,
        "baseline": alert.baseline or None,
        "readings": alert.readings,
        "text_nb": alert.text_nb,
        "text_en": alert.text_en,
        "late": alert.late,
        "revised": alert.revised,
        "cleared_at": None if alert.cleared_ms is None else iso(alert.cleared_ms),
    }


def iso(at_ms: int) -> str:
    """A time in UTC."""
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds" if at_ms % 1_000 else "seconds").replace(
        "+00:00", "Z"
    )


def moment_ms(text: str) -> int:
    """The time in an ISO 8601 text; without an offset it is UTC, as all the hub's times are."""
    moment = datetime.fromisoformat(text)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{text}: a year outside {_FIRST_YEAR} to {_LAST_YEAR}")
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


def _read(
    bad: list[BadLine], number: int, line: bytes, *, parse: Callable[[bytes], _T]
) -> _T | None:
    try:
        return parse(line)
    except msgspec.ValidationError as error:
        bad.append(BadLine("bad-field", number, str(error)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        bad.append(BadLine("not-json", number, str(error)))
    except (ValueError, OverflowError) as error:
        bad.append(BadLine("bad-time", number, str(error)))
    return None


def _patient(line: bytes) -> Patient:
    read = _FIRST.decode(line).patient
    return Patient(
        read.spo2_scale,
        bool(read.on_oxygen),
        read.target_low_pct,
        read.target_high_pct,
        None if read.discharged_at is None else _discharge_ms(read.discharged_at),
        read.limits or PatientLimits(),
        read.baseline or PatientBaseline(),
    )


def _discharge_ms(text: str) -> int:
    """A moment, or a day in Oslo."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return moment_ms(text)
    return round(datetime(day.year, day.month, day.day, tzinfo=OSLO).timestamp() * 1_000)


def _reading(line: bytes) -> Reading:
    read = _READING.decode(line)
    measured_ms = moment_ms(read.measured_at)
    # Where the meter says that it is no value, what stands there may be its code for that.
    value = None if read.quality == 0 and read.kind in _MEASURED else _value(read)
    return Reading(
        measured_ms,
        _identity(read, measured_ms),
        measured_ms if read.arrived_at is None else moment_ms(read.arrived_at),
        read.kind,
        value,
        1.0 if read.quality is None else read.quality,
        read.oxygen_l_min,
        read.at_rest,
        read.reliever_before,
    )


_MEASURED = frozenset(Kind) - {Kind.CALL_BUTTON, Kind.DEVICE, Kind.CORRECTION}


def _value(read: _Line) -> Value:
    try:
        value = _VALUES[read.kind].decode(read.value)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"value of {read.kind}: {error}") from error
    if isinstance(value, _Diary):
        return Symptoms(*(bool(answer) for answer in msgspec.structs.astuple(value)))
    if isinstance(value, _Session):
        if value.fev1_l is None or value.grade is None:
            return None
        return Session(value.fev1_l, value.grade, value.fvc_l)
    if isinstance(value, _Correction):
        return Correction(str(value.of), value.reason)
    if isinstance(value, DeviceProblem):
        return DeviceProblem(value.problem or None)
    return value  # type: ignore[no-any-return]  # the decoder of this kind gives no other


def _identity(read: _Line, measured_ms: int) -> str:
    """The reading's own id; without one, the same content is the same reading."""
    if read.id is not None:
        return str(read.id)
    content = hashlib.sha256(bytes(read.value)).hexdigest()[:12]
    return f"{read.kind}@{measured_ms}-{content}"
