"""Nonin serial data formats 8 (one frame a second) and 13 (one frame per spot check).

Source: Nonin 6470-000-01, "9560 Bluetooth specification". Format 8 shows display values, which stand for 10 s after
the finger has left, under a sensor alarm: nothing under a sensor alarm is a value. It has no checksum.
"""

from datetime import datetime

from koffert_drivers.measurement import (
    ErrorReason,
    Event,
    Flag,
    Measurement,
    flags_set,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take, broken_off
from koffert_drivers.parsers.fields import device_time
from koffert_drivers.parsers.nonin_commands import ANSWERS
from koffert_drivers.parsers.nonin_waveform import PULSE_MISSING

_DF8_BYTES = 4
_DF8_FIRST = {
    6: Flag.SENSOR_DISCONNECTED,
    5: Flag.OUT_OF_TRACK,
    4: Flag.LOW_PERFUSION,
    3: Flag.MARGINAL_PERFUSION,
    2: Flag.ARTEFACT,
}
# Bit 1 is the 3150's critical battery; others keep it clear.
_DF8_LAST = {3: Flag.SENSOR_ALARM, 1: Flag.LOW_BATTERY, 0: Flag.LOW_BATTERY}
_FINGER_IS_AWAY = frozenset({Flag.SENSOR_ALARM, Flag.SENSOR_DISCONNECTED})


class NoninDf8(StreamFormat):
    """Data format 8 as a stream."""

    longest_bytes = _DF8_BYTES

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        if buffer[start] < 0x80:
            return Take(1) if buffer[start] in ANSWERS else Skip(1, ErrorReason.GARBAGE)
        end = min(start + _DF8_BYTES, len(buffer))
        for index in range(start + 1, end):
            if buffer[index] >= 0x80:  # the next frame starts before this one is whole
                return broken_off(index - start)
        return Take(_DF8_BYTES) if end - start == _DF8_BYTES else None

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        if len(frame) == 1:
            return []
        flags = flags_set(frame[0], _DF8_FIRST) + flags_set(frame[3], _DF8_LAST)
        return [
            judged_oximetry(
                Measurement(
                    spo2_pct=saturation(frame[2]),
                    pulse_bpm=rate((frame[0] & 0x03) << 7 | frame[1], missing=PULSE_MISSING),
                    finger=_FINGER_IS_AWAY.isdisjoint(flags),
                    flags=tuple(dict.fromkeys(flags)),
                )
            )
        ]

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


_DF13_HEAD = b"\x00\x02\x00\x0d"
_DF13_DATA = 14  # bytes of data that are defined; a newer device may send more
_DF13_LONGEST_DATA = 64
_DF13_BEFORE_DATA = len(_DF13_HEAD) + 2
_AROUND_DATA = _DF13_BEFORE_DATA + 2  # checksum and ETX come after
_ETX = 0x03
_DF13_HIGH = {0: Flag.UNAVAILABLE}
_DF13_LOW = {0: Flag.LOW_BATTERY, 4: Flag.FROM_STORAGE}


class NoninDf13(StreamFormat):
    """Data format 13 as a stream."""

    longest_bytes = _AROUND_DATA + _DF13_LONGEST_DATA

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        if buffer[start] in ANSWERS:
            return Take(1)
        size = _df13_data_bytes(bytes(buffer[start : start + _DF13_BEFORE_DATA]))
        if not isinstance(size, int):
            return size
        frame = buffer[start : start + size + _AROUND_DATA]
        if len(frame) < size + _AROUND_DATA:
            return None
        whole = frame[-1] == _ETX and sum(frame[6:-2]) & 0xFF == frame[-2]
        return Take(len(frame)) if whole else Skip(1, ErrorReason.CHECKSUM)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        return [_spot_check(frame[6:-2])] if len(frame) > 1 else []

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def _df13_data_bytes(head: bytes) -> int | Skip | None:
    """The length that the beginning of a frame announces; Skip when it is none, None when too short."""
    if not (head.startswith(_DF13_HEAD) or _DF13_HEAD.startswith(head)):
        return Skip(1, ErrorReason.GARBAGE)
    if len(head) < _DF13_BEFORE_DATA:
        return None
    size = int.from_bytes(head[-2:], "big")
    if size > _DF13_LONGEST_DATA:
        return Skip(1, ErrorReason.OVERSIZED)
    return Skip(1, ErrorReason.CONTENT) if size < _DF13_DATA else size


def _spot_check(data: bytes) -> Measurement:
    time = _bcd_time(data[:8])
    flags = flags_set(data[8], _DF13_HIGH) + flags_set(data[9], _DF13_LOW)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(data[13]),
            # Unlike the other formats, the low byte has eight bits here.
            pulse_bpm=rate((data[10] & 0x01) << 8 | data[11], missing=PULSE_MISSING),
            measured_at=time,
            flags=flags if time else (*flags, Flag.CLOCK_NOT_SET),
        )
    )


def _bcd_time(raw: bytes) -> datetime | None:
    """Century, year, month, day, hour, minute, second in decimal digits; the fraction is left out."""
    digits = raw[:7].hex()
    if not digits.isdecimal():
        return None
    clock = (int(digits[at : at + 2]) for at in range(4, 14, 2))
    return device_time(int(digits[:4]), clock)
