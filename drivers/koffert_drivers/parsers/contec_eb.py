"""Contec's "EB" stream: CMS50D-BT over Bluetooth Low Energy, newer CMS50E.

Source: an independent driver and captures. Where bit 7 of a pulse above 127 is, no source says: see the limits
in the device table.
"""

from koffert_drivers.measurement import (
    Event,
    Flag,
    Measurement,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, StreamFormat
from koffert_drivers.parsers.contec_frames import command, cut_contec
from koffert_drivers.parsers.fields import device_time

HELLO = command(0x81)
VERSION = command(0x82)
PREPARE = command(0x9B, 0x00)
START_LIVE = command(0x9B, 0x01)
STOP_LIVE = command(0x9B, 0x7F)
KEEP_ALIVE = command(0x9A)
KEEP_ALIVE_S = 5.0

_WAVE = b"\xeb\x00"
_NUMBERS = b"\xeb\x01"
_STORED = b"\xe1"
_LENGTHS = {
    _WAVE: 6,
    _NUMBERS: 8,
    _STORED: 11,
    b"\xe0": 7,  # how many records
    b"\xf2": 8,  # version
    b"\xf3": 3,  # time is set
}


class ContecEb(StreamFormat):
    """The stream, over however many notifications; one frame may take several and one may hold several."""

    longest_bytes = max(_LENGTHS.values())

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        return cut_contec(buffer, start, _LENGTHS)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        if frame.startswith(_WAVE):
            return [Measurement(waveform=(frame[3],))]
        if frame.startswith(_NUMBERS):
            return [_oximetry(pulse=frame[3], spo2=frame[4])]
        if frame.startswith(_STORED):
            return [_stored(frame)]
        return []

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def _oximetry(pulse: int, spo2: int) -> Measurement:
    return judged_oximetry(
        Measurement(spo2_pct=saturation(spo2), pulse_bpm=rate(pulse, missing=None))
    )


def _stored(frame: bytes) -> Measurement:
    year, *clock, spo2, pulse = frame[2:10]
    time = device_time(2000 + year, clock)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(spo2),
            pulse_bpm=rate(pulse, missing=None),
            measured_at=time,
            flags=(Flag.FROM_STORAGE,) if time else (Flag.FROM_STORAGE, Flag.CLOCK_NOT_SET),
        )
    )
