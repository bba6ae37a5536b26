"""The samples of an SCP-ECG record: sections 2 to 6.

Reference beats may be of a finer unit than the residual; both are brought to their common unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

import numpy as np

from koffert_drivers.stills import huffman
from koffert_drivers.stills.cursor import Cursor
from koffert_drivers.stills.errors import DamagedStill, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import MOST_SAMPLES, Wide, canonical, frozen
from koffert_drivers.stills.records import Lead

DEFAULT_TABLE = 19_999
SUBTRACTED = 0b1
# Section 3's lead numbers; others keep their number as name.
LEAD_NAMES = {1: "I", 2: "II", **{n: f"V{n - 2}" for n in range(3, 10)}}
LEAD_NAMES |= {n: f"V{n - 8}R" for n in range(10, 16)} | {16: "X", 17: "Y", 18: "Z"}
LEAD_NAMES |= {61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"}
LEAD_NAMES |= {66: "V8", 67: "V9", 68: "V8R", 69: "V9R"}
MOST_LEADS = 85
NV_PER_UV = 1000


class Signal(NamedTuple):
    """The leads as stored, and what was odd about them."""

    rate_hz: float
    leads: tuple[Lead, ...]
    notes: tuple[str, ...]


class _Place(NamedTuple):
    """One entry of section 3: samples are numbered from 1, and so many are `promised`."""

    name: str
    start: int
    promised: int

    def after_s(self, interval_us: int) -> float:
        """The time of its first sample; carts that record in turns start leads later."""
        return (self.start - 1) * interval_us / 1e6


class _Block(NamedTuple):
    """Section 5 or 6: unit in nV, interval in µs, and the numbers of each lead."""

    unit_nv: int
    interval_us: int
    values: list[Wide]


class _Beat(NamedTuple):
    """A beat of section 4, in samples from 1; the reference beat lies on it if `kind` is 0."""

    kind: int
    start: int
    fiducial: int
    end: int

    def counted_from(self, start: int) -> _Beat:
        """The same beat in samples of a lead that begins at sample `start` of the record."""
        late = start - 1
        return _Beat(self.kind, self.start - late, self.fiducial - late, self.end - late)


def read_signal(sections: dict[int, bytes], *, smooth_between_beats: bool) -> Signal:
    """Return the samples of sections 2 to 6.

    `smooth_between_beats` takes three-point means of the residual outside the beats, as the public
    converter for Burdick's carts does. Raises as `read_scp`.
    """
    tables = _tables(sections.get(2, b""))
    flags, places = _places(sections.get(3, b""))
    rhythm = _block(sections.get(6, b""), 6, [place.promised for place in places], tables)
    if rhythm.unit_nv == 0 or rhythm.interval_us == 0:
        raise DamagedStill("section 6 gives no unit or no rate")
    notes = _shortened(rhythm, places)
    unit_nv, values = rhythm.unit_nv, rhythm.values
    if flags & SUBTRACTED and 5 in sections:
        starts = [place.start for place in places]
        unit_nv, values = _with_beats(sections, rhythm, starts, tables, smooth=smooth_between_beats)
        notes += ("reference beats were added to the residual",)
    leads = tuple(
        Lead(place.name, frozen(samples), unit_nv / NV_PER_UV, place.after_s(rhythm.interval_us))
        for place, samples in zip(places, values, strict=True)
    )
    return Signal(1e6 / rhythm.interval_us, leads, notes)


def _tables(section: bytes) -> huffman.Tables | None:
    """Return what samples are packed with; None for plain 16 bits, where section 2 is absent."""
    if not section:
        return None
    cursor = Cursor(section, "section 2")
    count = cursor.u16()
    if count == DEFAULT_TABLE:
        return huffman.DEFAULT
    return huffman.read_tables(cursor, count) if count else None


def _places(section: bytes) -> tuple[int, list[_Place]]:
    cursor = Cursor(section, "section 3")
    count, flags = cursor.numbers("BB")
    if not 0 < count <= MOST_LEADS:
        raise DamagedStill(f"section 3 names {count} leads")
    places = []
    for _ in range(count):
        start, end, number = cursor.numbers("IIB")
        if end < start:
            raise DamagedStill("a lead of section 3 ends before it starts")
        if end - start >= MOST_SAMPLES // count:
            raise TooLarge(f"samples {start} to {end} of one lead")
        name = LEAD_NAMES.get(number, f"SCP {number}")
        # Counted from 1; a writer that counts from 0 has one sample less than it seems.
        places.append(_Place(canonical(name), max(start, 1), end - max(start, 1) + 1))
    return flags, places


def _block(
    section: bytes, number: int, counts: Sequence[int], tables: huffman.Tables | None
) -> _Block:
    cursor = Cursor(section, f"section {number}")
    unit_nv, interval_us, order, bimodal = cursor.numbers("HHBB")
    if number == 6 and bimodal:
        raise UnsupportedStill("bimodal compression")
    lengths = cursor.numbers(f"{len(counts)}H")
    values = [
        _values(cursor.take(length), count, order, tables)
        for length, count in zip(lengths, counts, strict=True)
    ]
    return _Block(unit_nv, interval_us, values)


def _values(data: bytes, count: int, order: int, tables: huffman.Tables | None) -> Wide:
    if tables is not None:
        return huffman.undo_differences(huffman.decode(data, count, tables), order)
    whole = data[: len(data) // 2 * 2]
    plain = np.frombuffer(whole, dtype="<i2").astype(np.int64)[:count]
    return huffman.undo_differences(plain, order)


def _shortened(rhythm: _Block, places: Sequence[_Place]) -> tuple[str, ...]:
    """Return notes on leads that hold less than promised; the others keep what they hold."""
    short = [
        f"lead {place.name} holds {values.size} of {place.promised} samples"
        for place, values in zip(places, rhythm.values, strict=True)
        if values.size < place.promised
    ]
    if all(values.size == 0 for values in rhythm.values):
        raise DamagedStill("section 6 holds no samples")
    return tuple(short)


def _with_beats(
    sections: dict[int, bytes],
    rhythm: _Block,
    starts: Sequence[int],
    tables: huffman.Tables | None,
    *,
    smooth: bool,
) -> tuple[int, list[Wide]]:
    """Return the unit in nV and the samples, reference beats added back."""
    fiducial, length_ms, beats = _beats(sections.get(4, b""))
    most = length_ms * 1000 // rhythm.interval_us + 1
    reference = _block(sections[5], 5, [most] * len(rhythm.values), tables)
    unit_nv = gcd(reference.unit_nv, rhythm.unit_nv)
    if reference.unit_nv == 0 or reference.interval_us != rhythm.interval_us:
        raise UnsupportedStill("reference beat and rhythm differ in rate")
    out = []
    for residual, beat, start in zip(rhythm.values, reference.values, starts, strict=True):
        scaled = residual * (rhythm.unit_nv // unit_nv)
        inside = [one.counted_from(start) for one in beats]
        whole = _smoothed(scaled, inside) if smooth else scaled.copy()
        for one in inside:
            _add(whole, beat * (reference.unit_nv // unit_nv), one, fiducial)
        out.append(whole)
    return unit_nv, out


def _beats(section: bytes) -> tuple[int, int, list[_Beat]]:
    cursor = Cursor(section, "section 4")
    length_ms, fiducial, count = cursor.numbers("HHH")
    return fiducial, length_ms, [_Beat(*cursor.numbers("HIII")) for _ in range(count)]


def _add(whole: Wide, reference: Wide, beat: _Beat, fiducial: int) -> None:
    """Lay the reference beat over one beat, fiducial point on fiducial point."""
    if beat.kind != 0:
        return
    shift = beat.fiducial - fiducial  # sample of the record = sample of the reference + shift
    first = max(beat.start, 1 + shift, 1)
    last = min(beat.end, reference.size + shift, whole.size)
    if last >= first:
        whole[first - 1 : last] += reference[first - 1 - shift : last - shift]


def _smoothed(residual: Wide, beats: Sequence[_Beat]) -> Wide:
    """Return three-point means outside the beats, rounded away from 0.

    Beats count as the converter takes them: their numbers from 0, and a sample wider on both sides.
    """
    outside = np.ones(residual.size, dtype=np.bool_)
    outside[[0, -1]] = False
    for beat in beats:
        if beat.kind == 0:
            outside[max(beat.start - 1, 0) : max(beat.end + 2, 0)] = False
    sums = np.convolve(residual, np.ones(3, dtype=np.int64), mode="same")
    means = np.sign(sums) * ((np.abs(sums) + 2) // 3)
    return np.where(outside, means, residual)
