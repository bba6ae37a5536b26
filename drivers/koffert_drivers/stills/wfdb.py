"""WFDB records: a text header and signal files beside it, in formats 16, 80, 212, 24 and 32.

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

# Record line: name[/segments] signals [rate[/counter]] [samples] [time] [day].
RECORD = re.compile(
    rb"^(?P<name>[\w-]+)(?P<segments>/\d+)?[ \t]+(?P<signals>\d+)"
    rb"(?:[ \t]+(?P<rate>[\d.]+)(?:[/(]\S*)?(?:[ \t]+(?P<samples>\d+)"
    rb"(?:[ \t]+(?P<time>[\d:.]+)(?:[ \t]+(?P<day>\d+/\d+/\d+))?)?)?)?[ \t]*\r?$"
)
SIGNAL = re.compile(
    r"^(?P<file>\S+)\s+(?P<format>\d+)(?P<more>[x:+]\S*)?"
    r"(?:\s+(?P<gain>[-+\d.eE]+)(?:\((?P<baseline>-?\d+)\))?(?:/(?P<unit>\S+))?"
    r"(?:\s+(?P<bits>\d+)(?:\s+(?P<zero>-?\d+)(?:\s+(?P<first>-?\d+)(?:\s+(?P<sum>-?\d+)"
    r"(?:\s+(?P<block>\d+)(?:\s+(?P<name>.*))?)?)?)?)?)?)?$"
)
DEFAULT_RATE_HZ, DEFAULT_GAIN_PER_UNIT = 250.0, 200.0
UV_PER = {"mV": 1000.0, "uV": 1.0, "µV": 1.0, "V": 1e6, "nV": 0.001}
MOST_SIGNALS = 64
# The lowest number of each format stands for "no sample".
NO_NUMBER = {16: -(2**15), 212: -(2**11), 80: -(2**7), 24: -(2**23), 32: -(2**31)}
# Header comments that say who it was.
SEX = re.compile(r"<?sex>?:?\s*(\w+)", re.IGNORECASE)
AGE = re.compile(r"<?age>?:?\s*([\d.]+)", re.IGNORECASE)


class _Signal(NamedTuple):
    file: str
    format: int
    gain_uv: float
    baseline: int
    name: str
    sum: int | None


def is_wfdb(content: bytes) -> bool:
    """Tell whether the bytes are a WFDB header: its first line that is no comment reads like one."""
    lines = (line for line in content[:2048].split(b"\n") if line.strip() and line[:1] != b"#")
    return RECORD.match(next(lines, b"")) is not None


def read_wfdb(content: bytes, companions: Mapping[str, bytes]) -> EcgStill:
    """Read the record whose header is `content`.

    Raises IncompleteStill with the names of signal files that are not among the companions,
    UnsupportedStill for segments, several samples per frame and other formats.
    """
    lines = content.decode("latin-1").splitlines()
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
    signals = [_signal(line) for line in plain[1 : 1 + count]]
    comments = " ".join(line for line in lines if line.startswith("#"))
    return EcgStill(
        format=Format.WFDB,
        rate_hz=rate_hz,
        leads=with_derived(_leads(signals, int(record["samples"] or 0), companions)),
        recorded_at=_recorded_at(record),
        patient=_patient(comments),
    )


def _signal(line: str) -> _Signal:
    found = SIGNAL.match(line)
    if found is None:
        raise DamagedStill("a signal line cannot be read")
    if found["more"]:
        raise UnsupportedStill("several samples per frame, skew or offset")
    gain = fields.number(found["gain"]) or DEFAULT_GAIN_PER_UNIT
    unit_uv = UV_PER.get(found["unit"] or "mV")
    if unit_uv is None or gain <= 0:
        raise UnsupportedStill("a signal that is not in volts")
    baseline = int(found["baseline"] or found["zero"] or 0)
    total = None if found["sum"] is None else int(found["sum"])
    name = canonical(found["name"] or "")
    return _Signal(found["file"], int(found["format"]), unit_uv / gain, baseline, name, total)


def _leads(signals: list[_Signal], samples: int, companions: Mapping[str, bytes]) -> list[Lead]:
    files = dict.fromkeys(signal.file for signal in signals)
    missing = tuple(name for name in files if name not in companions)
    if missing:
        raise IncompleteStill(missing)
    leads: dict[int, Lead] = {}
    for name in files:
        inside = [i for i, signal in enumerate(signals) if signal.file == name]
        formats = {signals[i].format for i in inside}
        if len(formats) != 1:
            raise DamagedStill("one signal file in two formats")
        numbers = _numbers(companions[name], formats.pop(), samples * len(inside))
        table = numbers[: numbers.size // len(inside) * len(inside)].reshape(-1, len(inside))
        if table.size == 0 or (samples and len(table) < samples):
            raise DamagedStill("a signal file ends too early")
        for column, i in enumerate(inside):
            leads[i] = _lead(signals[i], table[:, column])
    return [leads[i] for i in range(len(signals))]


def _lead(signal: _Signal, numbers: Wide) -> Lead:
    if signal.sum is not None and (int(numbers.sum()) - signal.sum) % 2**16:
        raise DamagedStill(f"the checksum of lead {signal.name} does not match")
    missing = numbers == NO_NUMBER[signal.format]
    samples = np.where(missing, NO_SAMPLE, numbers - signal.baseline)
    return Lead(signal.name, frozen(samples), signal.gain_uv)


def _numbers(data: bytes, number_format: int, count: int) -> Wide:
    """Return the numbers of a signal file, at most `count` of them (0: all)."""
    limit = count or MOST_SAMPLES
    if limit > MOST_SAMPLES or len(data) > 4 * MOST_SAMPLES:
        raise TooLarge("more samples than any still holds")
    raw = np.frombuffer(data, dtype=np.uint8)
    match number_format:
        case 16 | 32:
            width = number_format // 8
            whole = data[: len(data) // width * width]
            found = np.frombuffer(whole, dtype=f"<i{width}").astype(np.int64)
        case 80:
            found = raw.astype(np.int64) - 128
        case 24:
            bytes_3 = raw[: raw.size // 3 * 3].reshape(-1, 3).astype(np.int64)
            found = _signed(bytes_3 @ np.array([1, 1 << 8, 1 << 16]), 24)
        case 212:
            found = _twelve_bits(raw.astype(np.int64))
        case _:
            raise UnsupportedStill(f"WFDB format {number_format}")
    return found[:limit]


def _twelve_bits(raw: Wide) -> Wide:
    """Return two numbers of each three bytes: low byte, both high halves, low byte."""
    padded = np.append(raw, np.zeros(-raw.size % 3, dtype=np.int64))
    low, halves, second = padded.reshape(-1, 3).T
    pairs = np.stack([low | ((halves & 0x0F) << 8), second | ((halves >> 4) << 8)], axis=1)
    return _signed(pairs.reshape(-1), 12)[: raw.size * 2 // 3]


def _signed(values: Wide, bits: int) -> Wide:
    return np.where(values >> (bits - 1), values - (1 << bits), values)


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
