"""Jumper JPD-500F and its kin (PLS-01BT, "My Oximeter"): one frame in each notification, no checksum.

Source: three independent clients, one of them from the maker's family.
"""

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Measurement,
    judged_oximetry,
    rate,
    saturation,
)

_WAVE = 0x80
_NUMBERS = 0x81
_NUMBERS_BYTES = 4


def decode(data: bytes) -> Measurement:
    """One notification: numbers, or samples of a waveform whose rate no source states."""
    kind = data[0] if data else None
    if kind == _WAVE:
        return Measurement(waveform=tuple(data[1:]))
    if kind != _NUMBERS:
        raise Damaged(ErrorReason.GARBAGE, "no frame of this device")
    if len(data) < _NUMBERS_BYTES:
        raise Damaged(ErrorReason.TRUNCATED, f"{len(data)} bytes, numbers take {_NUMBERS_BYTES}")
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(data[2]),
            pulse_bpm=rate(data[1]),
            pai_pct=data[3] / 10 or None,
        )
    )
