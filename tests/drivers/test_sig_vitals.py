"""Heart rate, temperature, blood pressure, weight, battery and what a device says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import Damaged, Flag
from koffert_drivers.parsers.device_information import (
    decode_device_information,
    encode_current_time,
)
from koffert_drivers.parsers.fields import Fields
from koffert_drivers.parsers.sig_vitals import (
    decode_battery,
    decode_blood_pressure,
    decode_heart_rate,
    decode_temperature,
    decode_weight,
)


def test_a_heart_rate_without_contact_is_no_value() -> None:
    strap = decode_heart_rate(bytes.fromhex("14550004"))
    assert (strap.pulse_bpm, strap.interval_ms, strap.quality) == (None, (), 0)
    assert strap.flags == (Flag.NO_CONTACT,)


def test_an_odd_byte_after_the_intervals_is_ignored() -> None:
    assert decode_heart_rate(bytes.fromhex("10550004ff")).interval_ms == (1000.0,)


@given(tenths=st.integers(900, 1100))
def test_fahrenheit_becomes_celsius(tenths: int) -> None:
    data = b"\x01" + tenths.to_bytes(3, "little") + b"\xff"
    assert decode_temperature(data).temperature_c == pytest.approx(
        (tenths / 10 - 32) / 1.8, abs=1e-6
    )


def test_a_temperature_that_is_no_number() -> None:
    nothing = decode_temperature(bytes.fromhex("00ffff7f00"))
    assert (nothing.temperature_c, nothing.quality) == (None, 0)


def test_a_cuff_that_measures_no_mean() -> None:
    cuff = decode_blood_pressure(bytes.fromhex("e080005000ff07"))  # reserved bits are set
    assert (cuff.systolic_mmhg, cuff.diastolic_mmhg, cuff.map_mmhg) == (128, 80, None)
    assert cuff.quality == 1


@pytest.mark.parametrize(("bit", "quality"), [(0, 0.5), (1, 0.5), (2, 1), (3, 1), (4, 1), (5, 0.5)])
def test_each_bit_of_a_cuffs_status(bit: int, quality: float) -> None:
    data = b"\x10" + bytes.fromhex("800050006000") + (1 << bit).to_bytes(2, "little")
    cuff = decode_blood_pressure(data)
    assert (cuff.systolic_mmhg, cuff.quality, len(cuff.flags)) == (128, quality, 1)


def test_weights() -> None:
    assert decode_weight(b"\x00" + (14_321).to_bytes(2, "little")).weight_kg == 71.605
    assert decode_weight(b"\x01" + (10_000).to_bytes(2, "little")).weight_kg == 45.359237
    failed = decode_weight(b"\x00\xff\xff")
    assert (failed.weight_kg, failed.flags) == (None, (Flag.UNAVAILABLE,))


def test_a_battery() -> None:
    assert decode_battery(b"\x64").battery_pct == 100
    with pytest.raises(Damaged):
        decode_battery(b"\x65")


def test_what_a_device_says_of_itself() -> None:
    told = decode_device_information(
        {"2a29": b"Nonin\0", "2a24": b"3230 ", "2a25": b"\xff", "2a26": b"\0"}
    )
    assert (told.maker, told.model, told.firmware) == ("Nonin", "3230", None)
    assert told.serial_number == "\N{REPLACEMENT CHARACTER}"
    assert told.software is None


def test_the_clock_is_set_in_the_order_of_the_characteristic() -> None:
    now = datetime(2026, 11, 21, 8, 30, 15, 500_000, tzinfo=UTC)
    data = encode_current_time(now)
    assert Fields(data).time() == now.replace(microsecond=0, tzinfo=None)
    assert data[7:] == bytes((6, 128, 1))  # Saturday, half a second, set by hand
