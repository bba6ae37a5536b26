"""From a stored body to what the projections need: pure, so that a rebuild gives the same rows."""

import contextlib
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from koffert_hub.clock import TimeBasis, decode_basis, measured_at
from koffert_hub.live import Link, LiveRow
from koffert_hub.time_series.records import StoredReading, TimeQuality
from koffert_hub.waves import Wave
from koffert_wire.envelope import Header, decode_header
from koffert_wire.messages import (
    PPG,
    Diary,
    Message,
    Reading,
    Spirometry,
    WaveformBlock,
    decode_messages,
)
from koffert_wire.samples import unpack_samples

# Set on a live row when its time is not the box's own wall clock's.
CLOCK_CORRECTED = "clock-corrected"

_NS_PER_MS = 1_000_000
_LIVE = frozenset({"spo2_pct", "pulse_bpm"})
_AT_MS = itemgetter(1)


class StoredBody(NamedTuple):
    """A row of the `body` table that has a patient."""

    log_sequence: int
    patient: str
    header: bytes
    messages: bytes
    time_basis: bytes


class Opened(NamedTuple):
    """A body read: its readings, blocks of pulse wave, and sessions and diaries, with their times on the hub's clock."""

    log_sequence: int
    patient: str
    header: Header
    received_ms: int
    readings: list[tuple[Reading, int, TimeQuality]]
    waves: tuple[tuple[WaveformBlock, int], ...] = ()
    said: tuple[tuple[Spirometry | Diary, int], ...] = ()


class Step(NamedTuple):
    """Bodies after a cursor, and the cursor after them.

    `corrected` holds just the readings that count no more, each under the log record that says so.
    """

    bodies: list[Opened]
    corrected: list[Opened]
    cursor: int


def open_stored(body: StoredBody) -> Opened:
    """Read a stored body; it was readable when it was filed."""
    return as_opened(
        body.log_sequence,
        body.patient,
        decode_header(body.header),
        decode_messages(body.messages),
        decode_basis(body.time_basis),
    )


def as_opened(
    log_sequence: int, patient: str, header: Header, messages: Iterable[Message], basis: TimeBasis
) -> Opened:
    """What a body that is filed under `log_sequence` holds for the projections."""
    readings: list[tuple[Reading, int, TimeQuality]] = []
    waves: list[tuple[WaveformBlock, int]] = []
    said: list[tuple[Spirometry | Diary, int]] = []
    for message in messages:
        match message:
            case Reading():
                readings.append((message, *measured_at(message.at, basis)))
            case WaveformBlock() if message.waveform == PPG:
                waves.append((message, measured_at(message.at, basis).ms))
            case Spirometry() | Diary():
                said.append((message, measured_at(message.at, basis).ms))
    return Opened(
        log_sequence=log_sequence,
        patient=patient,
        header=header,
        received_ms=basis.received_ns // _NS_PER_MS,
        readings=readings,
        waves=tuple(waves),
        said=tuple(said),
    )


def stored_readings(opened: Opened) -> Iterable[StoredReading]:
    """The readings that hold a value, for the time series."""
    for reading, at_ms, quality in opened.readings:
        values = valid_values(reading)
        if values:
            yield StoredReading(
                id=reading.id,
                patient=opened.patient,
                device=opened.header.device,
                sensor=reading.sensor,
                measured_at_ms=at_ms,
                time_quality=quality,
                quality=reading.quality,
                values=values,
            )


def valid_values(reading: Reading) -> dict[str, float]:
    """What may be shown as a value: nothing of a reading that its meter marked as bad."""
    if reading.quality <= 0:
        return {}
    return {code: value for code, value in reading.values.items() if value is not None}


def live_waves(opened: Opened) -> Iterable[Wave]:
    """The blocks of pulse wave as they are shown; one that is cut is left out."""
    for block, at_ms in opened.waves:
        with contextlib.suppress(ValueError):
            yield Wave(at_ms, block.rate_hz, tuple(unpack_samples(block.codec, block.samples)))


def live_row(opened: Opened, before: LiveRow | None, display_name: str) -> LiveRow | None:
    """The patient's row after this body, or None when it says nothing newer about the live values."""
    live = [entry for entry in opened.readings if not _LIVE.isdisjoint(entry[0].values)]
    if not live:
        return None
    reading, at_ms, quality = max(live, key=_AT_MS)
    if before is not None and (before.measured_at_ms or 0) > at_ms:
        return None
    values = valid_values(reading)
    corrected = () if quality is TimeQuality.WALL else (CLOCK_CORRECTED,)
    return LiveRow(
        patient=opened.patient,
        display_name=display_name,
        suitcase=opened.header.device,
        link=Link.LIVE,
        spo2_pct=values.get("spo2_pct"),
        pulse_bpm=values.get("pulse_bpm"),
        quality=reading.quality,
        flags=reading.flags + corrected,
        mode=reading.mode,
        measured_at_ms=at_ms,
        received_at_ms=opened.received_ms,
        sequence=opened.log_sequence,
        marks=before.marks if before else (),
    )
