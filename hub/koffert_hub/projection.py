"""From a stored body to what the projections need: pure, so that a rebuild gives the same rows."""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

from koffert_hub.clock import decode_basis, measured_at
from koffert_hub.live import Link, LiveRow
from koffert_hub.time_series.records import StoredReading, TimeQuality
from koffert_hub.waves import Wave
from koffert_wire.envelope import Header, decode_header
from koffert_wire.messages import (
    PPG,
    Diary,
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


def open_stored(body: StoredBody) -> Opened:
    """Read a stored body; it was readable when it was filed."""
    basis = decode_basis(body.time_basis)
    messages = decode_messages(body.messages)
    readings = [
        (message, *measured_at(message.at, basis))
        for message in messages
        if isinstance(message, Reading)
    ]
    waves = tuple(
        (message, measured_at(message.at, basis).ms)
        for message in messages
        if isinstance(message, WaveformBlock) and message.waveform == PPG
    )
    said = tuple(
        (message, measured_at(message.at, basis).ms)
        for message in messages
        if isinstance(message, Spirometry | Diary)
    )
    return Opened(
        log_sequence=body.log_sequence,
        patient=body.patient,
        header=decode_header(body.header),
        received_ms=basis.received_ns // _NS_PER_MS,
        readings=readings,
        waves=waves,
        said=said,
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
    live = [entry for entry in opened.readings if not entry[0].values.keys().isdisjoint(_LIVE)]
    if not live:
        return None
    reading, at_ms, quality = max(live, key=lambda entry: entry[1])
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
