"""The numbers of a WFDB signal file, in each of its sample formats (signal(5) of the WFDB manual)."""

from __future__ import annotations

import numpy as np

from koffert_drivers.stills.errors import UnsupportedStill
from koffert_drivers.stills.leads import Wide

# Each format's number for "no sample"; format 8 holds differences and has none.
NO_NUMBER = {
    16: -(2**15),
    24: -(2**23),
    32: -(2**31),
    61: -(2**15),
    80: -(2**7),
    160: -(2**15),
    212: -(2**11),
    310: -(2**9),
    311: -(2**9),
}
DIFFERENCES = 8
_PLAIN = {16: "<i2", 32: "<i4", 61: ">i2", DIFFERENCES: "i1"}
_OFFSET_BINARY = {80: ("u1", 2**7), 160: ("<u2", 2**15)}


def numbers(data: bytes, number_format: int) -> Wide:
    """Return all numbers; raises UnsupportedStill for other formats (FLAC among them)."""
    if number_format in _PLAIN:
        return _whole(data, _PLAIN[number_format])
    if number_format in _OFFSET_BINARY:
        layout, offset = _OFFSET_BINARY[number_format]
        return _whole(data, layout) - offset
    match number_format:
        case 24:
            bytes_3 = _whole(data[: len(data) // 3 * 3], "u1").reshape(-1, 3)
            return _signed(bytes_3 @ np.array([1, 1 << 8, 1 << 16]), 24)
        case 212:
            return _twelve_bits(_whole(data, "u1"))
        case 310 | 311:
            return _ten_bits(data, number_format)
        case _:
            raise UnsupportedStill(f"WFDB format {number_format}")


def _whole(data: bytes, layout: str) -> Wide:
    width = np.dtype(layout).itemsize
    return np.frombuffer(data[: len(data) // width * width], dtype=layout).astype(np.int64)


def _twelve_bits(raw: Wide) -> Wide:
    """Return two numbers of each three bytes: low byte, both high halves, low byte."""
    padded = np.append(raw, np.zeros(-raw.size % 3, dtype=np.int64))
    low, halves, second = padded.reshape(-1, 3).T
    pairs = np.stack([low | ((halves & 0x0F) << 8), second | ((halves >> 4) << 8)], axis=1)
    return _signed(pairs.reshape(-1), 12)[: raw.size * 2 // 3]


def _ten_bits(data: bytes, number_format: int) -> Wide:
    """Return three numbers of each four bytes; a file may end after two bytes of four.

    310: bits 1-10 of each 16-bit word, and their upper five bits together, the first word's lowest.
    311: bits 0-9, 10-19 and 20-29 of the 32 bits.
    """
    padded = data + bytes(-len(data) % 4)
    if number_format == 310:
        first, second = _whole(padded, "<u2").reshape(-1, 2).T
        three = (first >> 1, second >> 1, (first >> 11) | ((second >> 11) << 5))
    else:
        words = _whole(padded, "<u4")
        three = (words, words >> 10, words >> 20)
    found = _signed(np.stack(three, axis=1).reshape(-1) & 0x3FF, 10)
    # A word of two bytes holds the first number, and only the whole the third.
    return found[: len(data) // 4 * 3 + (len(data) % 4) // 2]


def _signed(values: Wide, bits: int) -> Wide:
    return np.where(values >> (bits - 1), values - (1 << bits), values)
