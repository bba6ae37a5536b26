"""Contec protocol V7.0, field by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import ErrorReason, Flag, Measurement
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers.contec_v7 import LENGTHS, ContecV7
from tests.drivers.contract import errors, measurements, run

GOOD = (5, 85, 10, 61, 99, 0x2C, 0x01)


def packet(kind: int, *data: int) -> bytes:
    high = sum((byte >> 7) << index for index, byte in enumerate(data))
    return bytes((kind, 0x80 | high, *(byte | 0x80 for byte in data)))


def live(*data: int) -> Measurement:
    (measurement,) = measurements(run(StreamParser(ContecV7()), [packet(1, *data)]))
    return measurement


def changed(index: int, value: int) -> Measurement:
    return live(*GOOD[:index], value, *GOOD[index + 1 :])


def test_a_good_packet() -> None:
    assert live(*GOOD) == Measurement(
        spo2_pct=99, pulse_bpm=61, pai_pct=3.0, waveform=(85,), finger=True, quality=1.0
    )


@given(pulse=st.integers(1, 254), spo2=st.integers(1, 100), pai=st.integers(1, 0xFFFE))
def test_every_value_survives_the_high_bit_byte(pulse: int, spo2: int, pai: int) -> None:
    measurement = live(5, 85, 10, pulse, spo2, pai & 0xFF, pai >> 8)
    assert (measurement.pulse_bpm, measurement.spo2_pct) == (pulse, spo2)
    assert measurement.pai_pct == pai / 100


@pytest.mark.parametrize(
    ("index", "value", "flag"),
    [
        (0, 0x85, Flag.NO_FINGER),
        (0, 0x15, Flag.SEARCHING),
        (1, 0x80 | 85, Flag.SEARCHING),
    ],
)
def test_marked_bad(index: int, value: int, flag: Flag) -> None:
    measurement = changed(index, value)
    assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.pai_pct) == (None,) * 3
    assert (measurement.quality, measurement.flags) == (0, (flag,))
    assert measurement.waveform == (85,)


@pytest.mark.parametrize(("index", "values"), [(3, (0, 255)), (4, (0, 127, 101))])
def test_missing_numbers(index: int, values: tuple[int, ...]) -> None:
    for value in values:
        measurement = changed(index, value)
        assert measurement.quality == 0.5
        assert (measurement.pulse_bpm if index == 3 else measurement.spo2_pct) is None


def test_perfusion_marked_invalid() -> None:
    assert changed(2, 0x1A).pai_pct is None
    assert live(*GOOD[:5], 0xFF, 0xFF).pai_pct is None


def test_a_dropping_saturation_is_a_value() -> None:
    assert changed(0, 0x25).quality == 1
    assert changed(0, 0x25).flags == (Flag.SPO2_DROPPING,)


def test_no_signal_strength_is_doubtful() -> None:
    assert changed(0, 0).flags == (Flag.WEAK_SIGNAL,)
    assert changed(0, 0).quality == 0.5


def test_stored_values() -> None:
    data = packet(0x0F, 97, 130, 96, 70, 127, 255) + packet(0x09, 95, 60, 0x64, 0)
    found = measurements(run(StreamParser(ContecV7()), [data]))
    assert [(m.spo2_pct, m.pulse_bpm, m.pai_pct) for m in found] == [
        (97, 130, None),
        (96, 70, None),
        (None, None, None),
        (95, 60, 1.0),
    ]
    assert all(m.flags[0] is Flag.FROM_STORAGE for m in found)


@pytest.mark.parametrize("kind", sorted(LENGTHS))
def test_each_type_is_framed_by_its_length(kind: int) -> None:
    data = packet(kind, *[1] * (LENGTHS[kind] - 2)) + packet(1, *GOOD)
    events = run(StreamParser(ContecV7()), [data])
    assert not errors(events)
    assert events[-1] == live(*GOOD)


def test_noise_is_one_error_and_each_broken_packet_one_more() -> None:
    broken = packet(1, *GOOD)[:4]
    events = run(StreamParser(ContecV7()), [b"\x01\xff\x00\x00", broken + broken, packet(1, *GOOD)])
    assert [(error.reason, error.size) for error in errors(events)] == [
        (ErrorReason.TRUNCATED, 4),
        (ErrorReason.TRUNCATED, 4),
        (ErrorReason.TRUNCATED, 4),
    ]


def test_a_packet_cut_short_by_the_next_is_truncated() -> None:
    events = run(StreamParser(ContecV7()), [packet(1, *GOOD)[:5] + packet(1, *GOOD)])
    assert [error.reason for error in errors(events)] == [ErrorReason.TRUNCATED]
    assert measurements(events) == [live(*GOOD)]
