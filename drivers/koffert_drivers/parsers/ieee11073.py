"""The short floats of IEEE 11073-20601, as the Bluetooth SIG uses them (little endian).

Both parts are two's complement; a value is mantissa x 10^exponent. Five mantissas at the ends of the range are no
numbers (NaN, NRes, +INF, -INF, reserved); the standard keeps them out of use under every exponent.
"""

_SFLOAT_BITS = (12, 4)
_FLOAT_BITS = (24, 8)


def sfloat(data: bytes) -> float | None:
    """The value of two bytes; None for each of the specials."""
    return _value(data, *_SFLOAT_BITS)


def float32(data: bytes) -> float | None:
    """The value of four bytes; None for each of the specials."""
    return _value(data, *_FLOAT_BITS)


def _value(data: bytes, mantissa_bits: int, exponent_bits: int) -> float | None:
    raw = int.from_bytes(data, "little")
    mantissa = _signed(raw & (1 << mantissa_bits) - 1, mantissa_bits)
    exponent = _signed(raw >> mantissa_bits, exponent_bits)
    greatest = (1 << mantissa_bits - 1) - 3
    if not -greatest <= mantissa <= greatest:
        return None
    # Dividing by an exact power rounds once: 189 / 10 is 18.9, 189 * 0.1 is not.
    return mantissa / 10**-exponent if exponent < 0 else float(mantissa * 10**exponent)


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << bits) if raw >> bits - 1 else raw
