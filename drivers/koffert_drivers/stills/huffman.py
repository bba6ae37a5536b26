"""The Huffman tables of SCP-ECG (EN 1064: 5.5 and annex C) and the differences behind them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from koffert_drivers.stills.cursor import Cursor
from koffert_drivers.stills.errors import DamagedStill
from koffert_drivers.stills.leads import Wide

# A code of the default table is n ones and a zero, then a sign bit, for ±n up to 8; one zero for 0. Nine
# and ten ones announce a number of 8 and 16 bits.
LARGEST_CODED = 8
LONGEST_CODE, LONGEST_NUMBER = 32, 32
MOST_TABLES, MOST_CODES = 64, 4096


class Code(NamedTuple):
    """What one code means: a value; or a number of so many bits that follows; or another table."""

    value: int = 0
    number_bits: int = 0
    table: int | None = None


# Codes as (length, bits), each table by itself; the first is the one to begin with.
Tables = tuple[Mapping[tuple[int, int], Code], ...]


def _default() -> Mapping[tuple[int, int], Code]:
    codes = {(1, 0): Code(0)}
    for size in range(1, LARGEST_CODED + 1):
        ones = (1 << size) - 1 << 2
        codes |= {(size + 2, ones): Code(size), (size + 2, ones | 1): Code(-size)}
    return codes | {(10, 0x3FE): Code(number_bits=8), (10, 0x3FF): Code(number_bits=16)}


DEFAULT: Tables = (MappingProxyType(_default()),)


def read_tables(cursor: Cursor, count: int) -> Tables:
    """Return the tables that a cart brings with it, from section 2 behind their number.

    A code: bits of the prefix, bits in all, 1 (or 0: go on with table `value`), value, prefix with its first
    bit lowest.
    """
    if count > MOST_TABLES:
        raise DamagedStill(f"{count} Huffman tables")
    tables = []
    for _ in range(count):
        codes: dict[tuple[int, int], Code] = {}
        size = cursor.u16()
        if not 0 < size <= MOST_CODES:
            raise DamagedStill(f"a Huffman table of {size} codes")
        for _ in range(size):
            prefix, whole, stays, value, mirrored = cursor.numbers("BBBhI")
            if not 0 < prefix <= min(whole, LONGEST_CODE) or whole - prefix > LONGEST_NUMBER:
                raise DamagedStill("a Huffman code of impossible length")
            if not stays and not 0 < value <= count:
                raise DamagedStill("a Huffman code that leads to no table")
            bits = int(f"{mirrored:032b}"[::-1][:prefix], 2)
            meaning = Code(value, whole - prefix) if stays else Code(table=value - 1)
            codes[prefix, bits] = meaning
        tables.append(codes)
    return tuple(tables)


def decode(data: bytes, count: int, tables: Tables = DEFAULT) -> Wide:
    """Return up to `count` numbers; fewer where the bits end first, with padding not told from data."""
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8)).tolist()
    found: list[int] = []
    codes, at = tables[0], 0
    while len(found) < count and at < len(bits):
        window = length = 0
        meaning = None
        while meaning is None and at + length < len(bits):
            if length == LONGEST_CODE:
                raise DamagedStill("bits that are no Huffman code")
            window = 2 * window + bits[at + length]
            length += 1
            meaning = codes.get((length, window))
        if meaning is None:
            break  # the last code reaches past the data
        at += length
        if meaning.table is not None:
            codes = tables[meaning.table]
        elif meaning.number_bits == 0:
            found.append(meaning.value)
        else:
            number = bits[at : at + meaning.number_bits]
            at += meaning.number_bits
            if at > len(bits):
                break
            found.append(_signed(number))
    return np.array(found, dtype=np.int64)


def _signed(bits: list[int]) -> int:
    value = int("".join(map(str, bits)), 2)
    return value - (1 << len(bits)) if bits[0] else value


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
