"""Nonin's own Bluetooth Low Energy service of the 3230 and 3150. All fields are big endian.

Source: Nonin 113142-000-02 rev B as used in the vendor's sample, with which four independent clients agree.
"""

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Flag,
    Measurement,
    flags_set,
    judged,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parsers.nonin_waveform import PULSE_MISSING

_CONTINUOUS_BYTES = 10
_STATUS_FLAGS = {1: Flag.WEAK_SIGNAL, 3: Flag.SEARCHING, 5: Flag.LOW_BATTERY}
_PPG_SAMPLES = 25
_PPG_BYTES = 1 + 2 * _PPG_SAMPLES + 2
_STATUS_BYTES = 7
_INTERVALS_HEAD = 4
_INTERVAL_BYTES = 4
_INTERVALS_FLAGS = {0: Flag.INVALID, 1: Flag.QUESTIONABLE_PULSE}
# Errors of the device status; 0 is none.
_ERROR_FLAGS = {
    1: Flag.SENSOR_DISCONNECTED,
    5: Flag.SENSOR_MALFUNCTION,
    6: Flag.EQUIPMENT_MALFUNCTION,
}


def decode_continuous(data: bytes) -> Measurement:
    """Continuous oximetry, once a second."""
    frame = _framed(data, _CONTINUOUS_BYTES)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(frame[7]),
            pulse_bpm=rate(_unsigned(frame[8:10]), missing=PULSE_MISSING),
            pai_pct=_unsigned(frame[3:5]) / 100 or None,
            flags=flags_set(frame[1], _STATUS_FLAGS),
        )
    )


def decode_ppg(data: bytes) -> Measurement:
    """Format 22: a third of a second of waveform. Its 53 bytes need a raised MTU."""
    frame = _framed(data, _PPG_BYTES)
    places = range(1, 1 + 2 * _PPG_SAMPLES, 2)
    return Measurement(waveform=tuple(_unsigned(frame[at : at + 2]) for at in places))


def decode_status(data: bytes) -> Measurement:
    """Format 23: the sensor and the battery."""
    frame = _framed(data, _STATUS_BYTES)
    flag = _ERROR_FLAGS.get(frame[2], Flag.PROBE_ERROR if frame[2] else None)
    return Measurement(
        battery_pct=frame[4] if frame[4] <= 100 else None, flags=(flag,) if flag else ()
    )


def decode_intervals(data: bytes) -> Measurement:
    """Format 20: the times between up to six beats; bad beats are left out."""
    frame = _framed(data, _INTERVALS_HEAD)
    beats = [
        frame[at : at + _INTERVAL_BYTES]
        for at in range(_INTERVALS_HEAD, len(frame) - _INTERVAL_BYTES + 1, _INTERVAL_BYTES)
    ]
    return judged(
        Measurement(
            interval_ms=tuple(_unsigned(beat[2:]) / 10 for beat in beats if beat[0] < 0x80),
            flags=flags_set(frame[3], _INTERVALS_FLAGS),
        )
    )


def _framed(data: bytes, least: int) -> bytes:
    """The frame that the first byte, its own length, announces."""
    if not data or len(data) < max(least, data[0]):
        raise Damaged(ErrorReason.TRUNCATED, f"{len(data)} bytes, at least {least} announced")
    if data[0] < least:
        raise Damaged(ErrorReason.CONTENT, f"a length of {data[0]}, less than {least}")
    return data[: data[0]]


def _unsigned(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
