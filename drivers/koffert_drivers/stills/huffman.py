"""The default Huffman table of SCP-ECG (EN 1064, annex C) and the differences behind it."""

from __future__ import annotations

import numpy as np

from koffert_drivers.stills.errors import DamagedStill
from koffert_drivers.stills.leads import Wide

# A code is n ones and a zero, then a sign bit, for ±n up to 8; nothing for 0. Nine and ten ones announce
# a number of 8 and 16 bits.
LARGEST_CODED = 8
PREFIX_BITS = 10
ESCAPES = {0b1111111110: 8, 0b1111111111: 16}


def _code_table() -> tuple[list[int], list[int]]:
    """Return bits used and value for each next ten bits; 0 bits for an escape."""
    used, values = [0] * (1 << PREFIX_BITS), [0] * (1 << PREFIX_BITS)
    for window in range(1 << PREFIX_BITS):
        bits = f"{window:0{PREFIX_BITS}b}"
        ones = PREFIX_BITS - len(bits.lstrip("1"))
        if ones == 0:
            used[window] = 1
        elif ones <= LARGEST_CODED:
            used[window] = ones + 2
            values[window] = -ones if bits[ones + 1] == "1" else ones
    return used, values


_USED, _VALUES = _code_table()


def decode(data: bytes, count: int) -> Wide:
    """Return up to `count` numbers; fewer where the bits end first, with padding not told from data."""
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8)).astype(np.int64)
    padded = np.concatenate([bits, np.zeros(PREFIX_BITS + max(ESCAPES.values()), dtype=np.int64)])
    windows = np.zeros(bits.size, dtype=np.int64)
    for place in range(PREFIX_BITS):
        windows = 2 * windows + padded[place : place + bits.size]
    next_ten = windows.tolist()
    found: list[int] = []
    at = 0
    while len(found) < count and at < len(next_ten):
        window = next_ten[at]
        if length := _USED[window]:
            found.append(_VALUES[window])
            at += length
        else:
            length = ESCAPES[window]
            at += PREFIX_BITS
            found.append(_signed(padded[at : at + length], length))
            at += length
    if at > bits.size:
        found.pop()  # the last number reached past the data
    return np.array(found, dtype=np.int64)


def _signed(bits: Wide, length: int) -> int:
    value = int("".join(map(str, bits.tolist())) or "0", 2)
    return value - (1 << length) if value >> (length - 1) else value


def undo_differences(values: Wide, order: int) -> Wide:
    """Return the samples of plain values (0), first (1) or second differences (2)."""
    if order not in {0, 1, 2}:
        raise DamagedStill(f"difference order {order} is not defined")
    if order == 0 or values.size == 0:
        return values
    if order == 1:
        return np.cumsum(values)
    steps = values.copy()
    steps[1:2] -= values[:1]  # the second value is plain too: make it the first step
    steps[1:] = np.cumsum(steps[1:])
    return np.cumsum(steps)
