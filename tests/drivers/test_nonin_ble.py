"""Nonin's own Bluetooth Low Energy characteristics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import Damaged, ErrorReason, Flag
from koffert_drivers.parsers.nonin_ble import (
    decode_continuous,
    decode_intervals,
    decode_ppg,
    decode_status,
)


def continuous(status: int = 0x11, spo2: int = 96, pulse: int = 300, pai: int = 420) -> bytes:
    head = bytes((10, status, 30)) + pai.to_bytes(2, "big") + b"\x00\x07"
    return head + bytes((spo2,)) + pulse.to_bytes(2, "big")


@given(spo2=st.integers(1, 100), pulse=st.integers(1, 325), pai=st.integers(1, 0xFFFF))
def test_every_value(spo2: int, pulse: int, pai: int) -> None:
    second = decode_continuous(continuous(spo2=spo2, pulse=pulse, pai=pai))
    assert (second.spo2_pct, second.pulse_bpm, second.pai_pct) == (spo2, pulse, pai / 100)
    assert (second.quality, second.flags) == (1, ())


@pytest.mark.parametrize(
    ("bit", "flags", "quality"),
    [
        (1, (Flag.WEAK_SIGNAL,), 0.5),
        (2, (), 1),
        (3, (Flag.SEARCHING,), 0),
        (5, (Flag.LOW_BATTERY,), 1),
        (6, (), 1),
    ],
)
def test_each_status_bit(bit: int, flags: tuple[Flag, ...], quality: float) -> None:
    second = decode_continuous(continuous(status=1 << bit))
    assert (second.flags, second.quality) == (flags, quality)
    assert (second.spo2_pct is None) == (quality == 0)


def test_missing_numbers() -> None:
    nothing = decode_continuous(continuous(spo2=127, pulse=511, pai=0))
    assert (nothing.spo2_pct, nothing.pulse_bpm, nothing.pai_pct) == (None, None, None)
    assert nothing.flags == (Flag.SPO2_MISSING, Flag.PULSE_MISSING)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ErrorReason.TRUNCATED),
        (continuous()[:-1], ErrorReason.TRUNCATED),
        (b"\x09" + continuous()[1:], ErrorReason.CONTENT),
        (b"\x0b" + continuous()[1:], ErrorReason.TRUNCATED),
    ],
)
def test_a_length_that_does_not_fit(data: bytes, reason: ErrorReason) -> None:
    with pytest.raises(Damaged) as damaged:
        decode_continuous(data)
    assert damaged.value.reason is reason


def test_the_waveform_is_wide() -> None:
    samples = b"".join((1000 + each).to_bytes(2, "big") for each in range(25))
    assert decode_ppg(b"\x35" + samples + b"\x00\x01").waveform == tuple(range(1000, 1025))


def test_intervals_leave_bad_beats_out() -> None:
    beats = bytes.fromhex("01a4213481a4213401a42710")
    data = bytes((16,)) + b"\x00\x05" + b"\x00" + beats
    assert decode_intervals(data).interval_ms == (850.0, 1000.0)
    invalid = decode_intervals(data[:3] + b"\x01" + beats)
    assert (invalid.interval_ms, invalid.flags) == ((), (Flag.INVALID,))


@pytest.mark.parametrize(
    ("error", "flags"),
    [
        (0, ()),
        (1, (Flag.SENSOR_DISCONNECTED,)),
        (5, (Flag.SENSOR_MALFUNCTION,)),
        (6, (Flag.EQUIPMENT_MALFUNCTION,)),
        (9, (Flag.PROBE_ERROR,)),
    ],
)
def test_the_device_status(error: int, flags: tuple[Flag, ...]) -> None:
    status = decode_status(bytes((7, 1, error, 30, 80, 0, 1)))
    assert (status.battery_pct, status.flags) == (80, flags)
