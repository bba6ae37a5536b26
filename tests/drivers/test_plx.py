"""The Pulse Oximeter Service and its record access, field by field."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import Damaged, Flag
from koffert_drivers.parsers import racp
from koffert_drivers.parsers.plx import (
    Features,
    decode_continuous,
    decode_features,
    decode_spot_check,
)

NUMBERS = bytes.fromhex("60004e00")  # 96 %, 78 bpm
TIME = bytes.fromhex("ea070b15081e00")
VOID_MEASUREMENT_BITS = {10, 11, 12, 13, 15}
VOID_SENSOR_BITS = {11, 13, 15}
SURE_MEASUREMENT_BITS = {5, 7, 8}


def with_measurement_status(bits: int) -> bytes:
    return b"\x04" + NUMBERS + bits.to_bytes(2, "little")


def with_sensor_status(bits: int) -> bytes:
    return b"\x08" + NUMBERS + bits.to_bytes(3, "little")


@pytest.mark.parametrize("bit", range(5, 16))
def test_each_bit_of_the_measurement_status(bit: int) -> None:
    measurement = decode_continuous(with_measurement_status(1 << bit))
    if bit in VOID_MEASUREMENT_BITS:
        assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.quality) == (None, None, 0)
    else:
        assert (measurement.spo2_pct, measurement.pulse_bpm) == (96, 78)
    assert bool(measurement.flags) == (bit not in SURE_MEASUREMENT_BITS)
    assert (measurement.quality == 1) == (bit in SURE_MEASUREMENT_BITS or bit == 9)


@pytest.mark.parametrize("bit", range(16))
def test_each_bit_of_the_sensor_status(bit: int) -> None:
    measurement = decode_continuous(with_sensor_status(1 << bit))
    void = bit in VOID_SENSOR_BITS
    assert measurement.spo2_pct == (None if void else 96)
    assert measurement.finger is not void
    assert measurement.quality == (0 if void else 0.5)
    assert measurement.flags


@pytest.mark.parametrize("bit", range(16, 24))
def test_reserved_bits_are_ignored(bit: int) -> None:
    assert decode_continuous(with_sensor_status(1 << bit)).quality == 1


def test_a_spot_check_has_the_time_of_a_set_clock() -> None:
    spot = decode_spot_check(b"\x01" + NUMBERS + TIME)
    assert spot.measured_at == datetime(2026, 11, 21, 8, 30)  # noqa: DTZ001 - devices know no zone
    assert (spot.spo2_pct, spot.flags) == (96, ())


@pytest.mark.parametrize(
    ("flags", "time"),
    [(0x11, TIME), (0x01, bytes(7)), (0x01, bytes.fromhex("ea070d15081e00"))],
    ids=["says so", "unknown", "no such month"],
)
def test_a_clock_that_is_not_set_gives_no_time(flags: int, time: bytes) -> None:
    spot = decode_spot_check(bytes((flags,)) + NUMBERS + time)
    assert (spot.measured_at, spot.flags) == (None, (Flag.CLOCK_NOT_SET,))
    assert (spot.spo2_pct, spot.quality) == (96, 1)


def test_fields_after_each_other() -> None:
    everything = b"\x1f" + NUMBERS * 3 + b"\x40\x00" + b"\x20\x00\x00" + b"\x2a\xf0"
    measurement = decode_continuous(everything)
    assert (measurement.spo2_pct, measurement.pai_pct) == (96, 4.2)
    assert measurement.flags == (Flag.EARLY_ESTIMATE, Flag.LOW_PERFUSION)
    for size in range(len(everything)):
        with pytest.raises(Damaged):
            decode_continuous(everything[:size])


def test_features() -> None:
    assert decode_features(b"\x4c\x00") == Features(
        stores_spot_checks=True, times_spot_checks=True, perfusion=True, multiple_bonds=False
    )
    with pytest.raises(Damaged):
        decode_features(b"\x00")


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("06000c02", racp.Answer(12, racp.Code.OPCODE_NOT_SUPPORTED)),
        ("06000103", racp.Answer(racp.Request.REPORT, racp.Code.INVALID_OPERATOR)),
        ("06000105", racp.Answer(racp.Request.REPORT, racp.Code.INVALID_OPERAND)),
        ("06000106", racp.Answer(racp.Request.REPORT, racp.Code.NO_RECORDS)),
        ("06000208", racp.Answer(racp.Request.DELETE, racp.Code.NOT_COMPLETED)),
        ("06000209", racp.Answer(racp.Request.DELETE, racp.Code.OPERAND_NOT_SUPPORTED)),
        ("05000c01", racp.Count(268)),
    ],
)
def test_answers_of_the_record_access(data: str, answer: racp.Answer | racp.Count) -> None:
    assert racp.decode(bytes.fromhex(data)) == answer


@pytest.mark.parametrize("data", ["", "0101", "060001", "0103010200"])
def test_what_is_no_answer(data: str) -> None:
    with pytest.raises(Damaged):
        racp.decode(bytes.fromhex(data))


def test_requests_of_the_record_access() -> None:
    assert racp.REPORT_ALL == b"\x01\x01"
    assert racp.COUNT_ALL == b"\x04\x01"
    assert racp.DELETE_ALL == b"\x02\x01"
    assert racp.ABORT == b"\x03\x00"


@given(spo2=st.integers(1, 1000), pulse=st.integers(1, 2045), exponent=st.sampled_from([0, -1]))
def test_every_number(spo2: int, pulse: int, exponent: int) -> None:
    data = b"\x00" + number(spo2, -1) + number(pulse, exponent)
    measurement = decode_continuous(data)
    assert measurement.spo2_pct == spo2 / 10
    assert measurement.pulse_bpm == (pulse if exponent == 0 else pulse / 10)


def number(mantissa: int, exponent: int) -> bytes:
    return ((exponent & 0xF) << 12 | mantissa).to_bytes(2, "little")
