"""Nonin data formats 8 and 13, and the commands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import Damaged, ErrorReason, Flag, Measurement
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers.nonin_commands import (
    GET_SERIAL_NUMBER,
    serial_number,
    set_format,
    set_time,
)
from koffert_drivers.parsers.nonin_numbers import NoninDf8, NoninDf13
from tests.drivers.contract import errors, measurements, run


def df8(*frame: int) -> Measurement:
    (measurement,) = measurements(run(StreamParser(NoninDf8()), [bytes(frame)]))
    return measurement


@given(pulse=st.integers(1, 510), spo2=st.integers(1, 100))
def test_every_value_of_format_8(pulse: int, spo2: int) -> None:
    measurement = df8(0x80 | pulse >> 7, pulse & 0x7F, spo2, 0)
    assert (measurement.pulse_bpm, measurement.spo2_pct) == (pulse, spo2)


@pytest.mark.parametrize(
    ("first", "last", "flag", "quality"),
    [
        (0x40, 0, Flag.SENSOR_DISCONNECTED, 0),
        (0x20, 0, Flag.OUT_OF_TRACK, 0),
        (0x10, 0, Flag.LOW_PERFUSION, 0.5),
        (0x08, 0, Flag.MARGINAL_PERFUSION, 0.5),
        (0x04, 0, Flag.ARTEFACT, 0),
        (0, 0x08, Flag.SENSOR_ALARM, 0),
        (0, 0x02, Flag.LOW_BATTERY, 1),
        (0, 0x01, Flag.LOW_BATTERY, 1),
    ],
)
def test_each_status_bit_of_format_8(first: int, last: int, flag: Flag, quality: float) -> None:
    measurement = df8(0x80 | first, 70, 95, last)
    assert (measurement.flags, measurement.quality) == ((flag,), quality)
    assert (measurement.spo2_pct is None) == (quality == 0)


def spot_check(**changes: int) -> bytes:
    data = bytearray.fromhex("2026112108301500000000bf0060")
    for place, value in changes.items():
        data[int(place[2:])] = value
    return framed(bytes(data))


def framed(data: bytes) -> bytes:
    head = b"\x00\x02\x00\x0d" + len(data).to_bytes(2, "big")
    return head + data + bytes((sum(data) & 0xFF, 3))


def df13(data: bytes) -> Measurement:
    (measurement,) = measurements(run(StreamParser(NoninDf13()), [data]))
    return measurement


def test_a_spot_check() -> None:
    measurement = df13(spot_check())
    assert (measurement.spo2_pct, measurement.pulse_bpm) == (96, 191)
    assert measurement.measured_at == datetime(2026, 11, 21, 8, 30, 15)  # noqa: DTZ001 - no zone
    assert (measurement.quality, measurement.flags) == (1, ())


def test_the_low_byte_of_the_pulse_has_eight_bits() -> None:
    assert df13(spot_check(at10=1, at11=0x04)).pulse_bpm == 260
    assert df13(spot_check(at10=1, at11=0xFF)).pulse_bpm is None


@pytest.mark.parametrize(
    ("changes", "flag", "quality"),
    [
        ({"at8": 1}, Flag.UNAVAILABLE, 0),
        ({"at9": 1}, Flag.LOW_BATTERY, 1),
        ({"at9": 0x10}, Flag.FROM_STORAGE, 1),
        ({"at2": 0x00}, Flag.CLOCK_NOT_SET, 1),
        ({"at2": 0x1A}, Flag.CLOCK_NOT_SET, 1),
        ({"at13": 127}, Flag.SPO2_MISSING, 0.5),
    ],
)
def test_each_flag_of_format_13(changes: dict[str, int], flag: Flag, quality: float) -> None:
    measurement = df13(spot_check(**changes))
    assert (measurement.flags, measurement.quality) == ((flag,), quality)


def test_a_longer_spot_check_of_a_newer_device() -> None:
    assert df13(framed(spot_check()[6:-2] + b"\x01\x02\x03")).spo2_pct == 96


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (spot_check()[:-2] + b"\x00\x03", ErrorReason.CHECKSUM),
        (spot_check()[:-1] + b"\x04", ErrorReason.CHECKSUM),
        (b"\x00\x02\x00\x0d\x7f\xff", ErrorReason.OVERSIZED),
        (framed(bytes(3)), ErrorReason.CONTENT),
    ],
)
def test_damaged_spot_checks(damaged: bytes, reason: ErrorReason) -> None:
    events = run(StreamParser(NoninDf13()), [damaged + spot_check()])
    assert errors(events)[0].reason is reason
    assert measurements(events) == [df13(spot_check())]


def test_the_commands_of_the_vendors_text() -> None:
    assert set_format(8).hex() == "027002020803"
    assert set_time(datetime(2050, 12, 31, 14, 30, 15, tzinfo=UTC)).hex() == "027206320c1f0e1e0f03"
    assert GET_SERIAL_NUMBER.hex() == "027402020203"


def test_the_answer_with_the_serial_number() -> None:
    answer = bytes.fromhex("02f40b02353031343933323030ca03")
    assert serial_number(answer) == "501493200"
    for damaged in (answer[:-1], answer[:-2] + b"\xcb\x03", b"\x15"):
        with pytest.raises(Damaged):
            serial_number(damaged)
