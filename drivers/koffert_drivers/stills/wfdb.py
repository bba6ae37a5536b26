"""WFDB records: a text header and signal files beside it.

The header is the still; the signal files come as companions, by the names that it gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from koffert_drivers.stills import fields
from koffert_drivers.stills.errors import (
    DamagedStill,
    IncompleteStill,
    TooLarge,
    UnsupportedStill,
)
from koffert_drivers.stills.leads import MOST_SAMPLES, Wide, canonical, frozen, with_derived
from koffert_drivers.stills.records import NO_SAMPLE, EcgStill, Format, Lead, PatientIdentity
from koffert_drivers.stills.wfdb_numbers import DIFFERENCES, NO_NUMBER, numbers

# Record line: name[/segments] signals [rate[/counter]] [samples] [time] [day].
RECORD = re.compile(
    rb"^(?P<name>[\w-]+)(?P<segments>/\d+)?[ \t]+(?P<signals>\d+)"
    rb"(?:[ \t]+(?P<rate>[\d.]+)(?:[/(]\S*)?(?:[ \t]+(?P<samples>\d+)"
    rb"(?:[ \t]+(?P<time>[\d:.]+)(?:[ \t]+(?P<day>\d+/\d+/\d+))?)?)?)?[ \t]*\r?$"
)
SIGNAL = re.compile(
    r"^(?P<file>\S+)\s+(?P<format>\d+)(?:x(?P<each>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<prolog>\d+))?"
    r"(?:\s+(?P<gain>[-+\d.eE]+)(?:\((?P<baseline>-?\d+)\))?(?:/(?P<unit>\S+))?"
    r"(?:\s+(?P<bits>\d+)(?:\s+(?P<zero>-?\d+)(?:\s+(?P<first>-?\d+)(?:\s+(?P<sum>-?\d+)"
    r"(?:\s+(?P<block>\d+)(?:\s+(?P<name>.*))?)?)?)?)?)?)?$"
)
DEFAULT_RATE_HZ, DEFAULT_GAIN_PER_UNIT = 250.0, 200.0
UV_PER = {"mV": 1000.0, "uV": 1.0, "µV": 1.0, "V": 1e6, "nV": 0.001}
MOST_SIGNALS = 64
MOST_PER_FRAME = 1000
# Header comments that say who it was.
SEX = re.compile(r"<?sex>?:?\s*(\w+)", re.IGNORECASE)
AGE = re.compile(r"<?age>?:?\s*([\d.]+)", re.IGNORECASE)


class _Signal(NamedTuple):
    """A signal line; `gain_uv` is None for what is not in volts, as breathing or a blood pressure.

    A frame holds `each` samples of it, `skew` frames late; the file's samples begin after `prolog` bytes.
    """

    file: str
    format: int
    gain_uv: float | None
    baseline: int
    name: str
    first: int
    sum: int | None
    each: int
    skew: int
    prolog: int


def is_wfdb(content: bytes) -> bool:
    """Tell whether the bytes are a WFDB header: its first line that is no comment reads like one."""
    lines = (line for line in content[:2048].split(b"\n") if line.strip() and line[:1] != b"#")
    return RECORD.match(next(lines, b"")) is not None


def read_wfdb(content: bytes, companions: Mapping[str, bytes]) -> EcgStill:
    """Read the signals in volts of the record whose header is `content`.

    Raises IncompleteStill with the names of signal files that are not among the companions,
    UnsupportedStill for segments, several rates, FLAC, and where nothing is in volts.
    """
    try:
        return _read(content.decode("latin-1").splitlines(), companions)
    except (ValueError, OverflowError) as error:  # a number of hundreds or thousands of digits
        raise DamagedStill("a number of the header is none") from error


def _read(lines: list[str], companions: Mapping[str, bytes]) -> EcgStill:
    plain = [line for line in lines if line.strip() and not line.startswith("#")]
    record = RECORD.match(plain[0].encode("latin-1")) if plain else None
    if record is None:
        raise DamagedStill("the first line is no WFDB record")
    if record["segments"]:
        raise UnsupportedStill("a record in segments")
    count = int(record["signals"])
    rate_hz = float(fields.number((record["rate"] or b"").decode()) or DEFAULT_RATE_HZ)
    if not 0 < count <= MOST_SIGNALS or len(plain) < 1 + count or rate_hz <= 0:
        raise DamagedStill("signals and their lines do not pair")
    signals = [_signal(line, number) for number, line in enumerate(plain[1 : 1 + count])]
    rates = {signal.each for signal in signals if signal.gain_uv is not None}
    if len(rates) != 1:
        raise UnsupportedStill("no signal in volts, or several rates among them")
    comments = " ".join(line for line in lines if line.startswith("#"))
    return EcgStill(
        format=Format.WFDB,
        rate_hz=rate_hz * rates.pop(),
        leads=with_derived(_leads(signals, int(record["samples"] or 0), companions)),
        recorded_at=_recorded_at(record),
        patient=_patient(comments),
    )


def _signal(line: str, number: int) -> _Signal:
    found = SIGNAL.match(line)
    if found is None:
        raise DamagedStill("a signal line cannot be read")
    gain = fields.number(found["gain"]) or DEFAULT_GAIN_PER_UNIT
    unit_uv = UV_PER.get(found["unit"] or "mV")
    each = int(found["each"] or 1)
    if not 0 < each <= MOST_PER_FRAME:
        raise DamagedStill(f"{each} samples per frame")
    return _Signal(
        file=found["file"],
        format=int(found["format"]),
        gain_uv=unit_uv / gain if unit_uv and gain > 0 else None,
        baseline=int(found["baseline"] or found["zero"] or 0),
        name=canonical(found["name"] or "") or f"signal {number}",
        first=int(found["first"] or 0),
        sum=None if found["sum"] is None else int(found["sum"]),
        each=each,
        skew=int(found["skew"] or 0),
        prolog=int(found["prolog"] or 0),
    )


def _leads(signals: list[_Signal], samples: int, companions: Mapping[str, bytes]) -> list[Lead]:
    """Return the signals in volts of all files; `samples` is the promised number of frames, 0 for none."""
    files = dict.fromkeys(signal.file for signal in signals)
    missing = tuple(name for name in files if name not in companions)
    if missing:
        raise IncompleteStill(missing)
    columns: dict[int, Wide] = {}
    for name in files:
        inside = [i for i, signal in enumerate(signals) if signal.file == name]
        values = _columns([signals[i] for i in inside], samples, companions[name])
        columns |= zip(inside, values, strict=True)
    return [
        _lead(signal, columns[i], signal.gain_uv)
        for i, signal in enumerate(signals)
        if signal.gain_uv is not None
    ]


def _columns(inside: list[_Signal], samples: int, data: bytes) -> list[Wide]:
    """Return the numbers of each signal of one file: frame after frame, in a frame one after another."""
    if len({signal.format for signal in inside}) != 1:
        raise DamagedStill("one signal file in two formats")
    if len(data) > 4 * MOST_SAMPLES:
        raise TooLarge("more samples than any still holds")
    width = sum(signal.each for signal in inside)
    found = numbers(data[inside[0].prolog :], inside[0].format)
    table = found[: found.size // width * width].reshape(-1, width)
    if table.size == 0 or len(table) < samples:
        raise DamagedStill("a signal file ends too early")
    ends = np.cumsum([signal.each for signal in inside])
    parts = np.split(table[: samples or None], ends[:-1], axis=1)
    return [part.reshape(-1) for part in parts]


def _lead(signal: _Signal, values: Wide, gain_uv: float) -> Lead:
    if signal.format == DIFFERENCES:
        values = signal.first + np.cumsum(values)
    if signal.sum is not None and (int(values.sum()) - signal.sum) % 2**16:
        raise DamagedStill(f"the checksum of lead {signal.name} does not match")
    missing = values == NO_NUMBER.get(signal.format)
    stored = np.where(missing, NO_SAMPLE, values - signal.baseline)
    late = signal.skew * signal.each
    in_time = np.concatenate([stored[late:], np.full(min(late, stored.size), NO_SAMPLE)])
    return Lead(signal.name, frozen(in_time), gain_uv)


def _recorded_at(record: re.Match[bytes]) -> datetime | None:
    day, clock = (record["day"] or b"").decode(), (record["time"] or b"").decode()
    parts = day.split("/")
    if len(parts) != 3:
        return None
    hms = [part.zfill(2) for part in clock.partition(".")[0].split(":")]
    return fields.day_and_time(f"{parts[2]:0>4}{parts[1]:0>2}{parts[0]:0>2}", "".join(hms))


def _patient(comments: str) -> PatientIdentity:
    sex, age = SEX.search(comments), AGE.search(comments)
    return PatientIdentity(
        sex=fields.sex(sex[1]) if sex else None, age_y=fields.number(age[1]) if age else None
    )
