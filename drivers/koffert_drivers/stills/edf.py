"""EDF and EDF+ recordings: a header of fixed text fields, then 16-bit samples in data records."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np

from koffert_drivers.stills import fields
from koffert_drivers.stills.cursor import Cursor
from koffert_drivers.stills.errors import DamagedStill, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import (
    MOST_SAMPLES,
    STANDARD_ORDER,
    Wide,
    canonical,
    shifted_lead,
    with_derived,
)
from koffert_drivers.stills.records import Device, EcgStill, Format, Lead, PatientIdentity

MAGIC = b"0       "
FIXED_HEADER, SIGNAL_HEADER = 256, 256
MOST_SIGNALS = 128
UV_PER = {"uV": 1.0, "µV": 1.0, "mV": 1000.0, "V": 1e6, "nV": 0.001}
# A night's recording has other signals in volts beside it (EEG, EOG, EMG).
ECG_LABELS = ("ECG", "EKG")
# Two-digit years: 85 is 1985, 84 is 2084.
CLIPPING_YEAR = 85


class _Signal(NamedTuple):
    name: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[float, float]
    filtering: str
    per_record: int
    is_ecg: bool


def is_edf(content: bytes) -> bool:
    """Tell whether the bytes begin as EDF: version 0 and a header length that fits the signals."""
    signals = fields.number(content[252:256].decode("latin-1"))
    length = fields.number(content[184:192].decode("latin-1"))
    if not content.startswith(MAGIC) or signals is None or length is None:
        return False
    return length == FIXED_HEADER + SIGNAL_HEADER * signals


def read_edf(content: bytes) -> EcgStill:
    """Read the signals in volts; where some are called an ECG or by a lead's name, these alone.

    Raises UnsupportedStill where their rates differ or the recording is interrupted (EDF+D).
    """
    cursor = Cursor(content, "the header")
    _, patient, recording = (_text(cursor.take(size)) for size in (8, 80, 80))
    day, clock, _, reserved = (_text(cursor.take(size)) for size in (8, 8, 8, 44))
    records, duration_s, count = (_number(cursor.take(size)) for size in (8, 8, 4))
    if reserved.startswith("EDF+D"):
        raise UnsupportedStill("an interrupted recording")
    if not 0 < count <= MOST_SIGNALS or duration_s <= 0:
        raise DamagedStill("no signals or no duration")
    signals = _signals(cursor, int(count))
    chosen = _chosen(signals)
    if len({signals[i].per_record for i in chosen}) != 1:
        raise UnsupportedStill("no signal in volts, or several rates among them")
    table = _table(content[cursor.at :], signals, int(records))
    return EcgStill(
        format=Format.EDF,
        rate_hz=signals[chosen[0]].per_record / duration_s,
        leads=with_derived([_lead(signals[i], table[i]) for i in chosen]),
        recorded_at=_recorded_at(day, clock, recording),
        device=Device(model=_plus(recording, 4)),
        patient=_patient(patient),
    )


def _chosen(signals: list[_Signal]) -> list[int]:
    in_volts = [i for i, signal in enumerate(signals) if signal.unit in UV_PER]
    named = [i for i in in_volts if signals[i].is_ecg]
    return named or in_volts


def _text(data: bytes) -> str:
    return data.decode("latin-1").strip()


def _number(data: bytes) -> float:
    found = fields.number(_text(data))
    if found is None:
        raise DamagedStill("a number of the header is none")
    return found


def _signals(cursor: Cursor, count: int) -> list[_Signal]:
    def column(size: int) -> list[bytes]:
        return [cursor.take(size) for _ in range(count)]

    names, _, units = column(16), column(80), column(8)
    low, high, bottom, top = ([_number(cell) for cell in column(8)] for _ in range(4))
    filtering = column(80)
    per_record = [_number(cell) for cell in column(8)]
    column(32)
    if any(not 0 < size <= MOST_SAMPLES for size in per_record):
        raise DamagedStill("a signal without samples")
    return [
        _Signal(
            canonical(_text(names[i])),
            _text(units[i]),
            (low[i], high[i]),
            (bottom[i], top[i]),
            _text(filtering[i]),
            int(per_record[i]),
            _is_ecg(_text(names[i])),
        )
        for i in range(count)
    ]


def _is_ecg(label: str) -> bool:
    return label.upper().startswith(ECG_LABELS) or canonical(label) in STANDARD_ORDER


def _table(data: bytes, signals: list[_Signal], records: int) -> list[Wide]:
    """Return the samples of each signal, data records joined; -1 records means as many as there are."""
    each = sum(signal.per_record for signal in signals)
    there = len(data) // (2 * each)
    if records > there or (records < 0 and there == 0) or records == 0:
        raise DamagedStill(f"{records} data records promised, {there} there")
    used = there if records < 0 else records
    if used * each > MOST_SAMPLES:
        raise TooLarge("more samples than any still holds")
    table = np.frombuffer(data[: 2 * used * each], dtype="<i2").reshape(used, each)
    ends = np.cumsum([signal.per_record for signal in signals])
    return [part.reshape(-1) for part in np.split(table, ends[:-1], axis=1)]


def _lead(signal: _Signal, stored: Wide) -> Lead:
    (low, high), (bottom, top) = signal.physical, signal.digital
    if top == bottom or high == low:
        raise DamagedStill(f"lead {signal.name} has no scale")
    each_uv = (high - low) / (top - bottom) * UV_PER[signal.unit]
    zero_uv = low * UV_PER[signal.unit] - bottom * each_uv
    sign = -1 if each_uv < 0 else 1
    return shifted_lead(signal.name, sign * stored.astype(np.int64), abs(each_uv), zero_uv)


def _recorded_at(day: str, clock: str, recording: str) -> datetime | None:
    """Return the start; EDF+ writes the year in full among the recording's words."""
    parts, hms = day.split("."), clock.replace(".", "")
    if len(parts) != 3:
        return None
    year = fields.number(parts[2])
    if year is None:
        return None
    century = 1900 if year >= CLIPPING_YEAR else 2000
    full = recording.split()[1][-4:] if recording.startswith("Startdate ") else ""
    stated = full if full.isdigit() else f"{century + int(year)}"
    return fields.day_and_time(f"{stated}{parts[1]:0>2}{parts[0]:0>2}", hms)


def _plus(words: str, place: int) -> str:
    """Return one word of an EDF+ field, empty for X, which stands for unknown."""
    parts = words.split()
    word = parts[place] if len(parts) > place else ""
    return "" if word == "X" else word.replace("_", " ")


def _patient(words: str) -> PatientIdentity:
    """Return EDF+'s code, sex, birthday and name; plain EDF's free text becomes the id."""
    parts = words.split()
    sex = fields.sex(parts[1]) if len(parts) > 3 else None
    if sex is None and (len(parts) <= 3 or parts[1] != "X"):
        return PatientIdentity(patient_id=words)
    try:
        born = datetime.strptime(parts[2], "%d-%b-%Y").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        born = None
    return PatientIdentity(
        patient_id=_plus(words, 0), family_name=_plus(words, 3), birth_date=born, sex=sex
    )
