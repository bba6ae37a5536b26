"""The short floats of IEEE 11073."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.parsers.ieee11073 import float32, sfloat


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("01fe", -51.1),  # weliem/blessed-android, BluetoothBytesParserTest
        ("ff02", 767.0),
        ("bdf0", 18.9),  # Nordic's Android library, blood pressure in kPa
        ("9ff0", 15.9),
        ("f6f4", 127.0),  # as an nRF Connect screen shows it
        ("0010", 0.0),
    ],
)
def test_sfloat(data: str, value: float) -> None:
    assert sfloat(bytes.fromhex(data)) == value


@pytest.mark.parametrize(("data", "value"), [("6c0100ff", 36.4), ("970d00fe", 34.79)])
def test_float32(data: str, value: float) -> None:
    assert float32(bytes.fromhex(data)) == value


@pytest.mark.parametrize("special", [0x07FF, 0x0800, 0x07FE, 0x0802, 0x0801])
@pytest.mark.parametrize("exponent", [0, 1, 0xF])
def test_sfloat_specials_are_no_values(special: int, exponent: int) -> None:
    assert sfloat((exponent << 12 | special).to_bytes(2, "little")) is None


@pytest.mark.parametrize("special", [0x7FFFFF, 0x800000, 0x7FFFFE, 0x800002, 0x800001])
def test_float32_specials_are_no_values(special: int) -> None:
    assert float32(special.to_bytes(4, "little")) is None


@given(mantissa=st.integers(-2045, 2045), exponent=st.integers(-8, 7))
def test_every_sfloat(mantissa: int, exponent: int) -> None:
    raw = (exponent & 0xF) << 12 | mantissa & 0xFFF
    assert sfloat(raw.to_bytes(2, "little")) == pytest.approx(mantissa * 10.0**exponent)


@given(mantissa=st.integers(-8388605, 8388605), exponent=st.integers(-128, 127))
def test_every_float32(mantissa: int, exponent: int) -> None:
    raw = (exponent & 0xFF) << 24 | mantissa & 0xFFFFFF
    assert float32(raw.to_bytes(4, "little")) == pytest.approx(mantissa * 10.0**exponent)
