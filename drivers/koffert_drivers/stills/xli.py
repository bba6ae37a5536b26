"""Philips' XLI packing: LZW of ten bits over bytes, which are second differences of one lead.

A chunk per lead: packed length u32, two bytes unused, first difference i16, then codes. Written from
the description in sierra-ecg-tools (MIT) and checked on its samples by Einthoven's law.
"""

from __future__ import annotations

import numpy as np

from koffert_drivers.stills.cursor import Cursor
from koffert_drivers.stills.errors import DamagedStill, TooLarge
from koffert_drivers.stills.leads import Wide

CODE_BITS = 10
# Code 1023 ends the data; so the dictionary stops growing one before.
LAST_CODE = (1 << CODE_BITS) - 2
# The format's bias of each difference.
BIAS = 64
# A minute at 2 kHz; the carts store eleven seconds at 500 Hz.
MOST_SAMPLES = 120_000


def decode(packed: bytes, leads: int) -> list[Wide]:
    """Return the stored numbers of each lead; raises DamagedStill where there are too few."""
    cursor = Cursor(packed, "the waveform")
    return [_chunk(cursor) for _ in range(leads)]


def _chunk(cursor: Cursor) -> Wide:
    size, _, start = cursor.numbers("IHh")
    unpacked = unpack(cursor.take(size))
    half = len(unpacked) // 2
    table = np.frombuffer(unpacked[: 2 * half], dtype=np.uint8).reshape(2, half)
    joined = (table[0].astype(np.uint16) << 8) | table[1]  # all high bytes, then all low bytes
    return _undo_differences(joined.view(np.int16).astype(np.int64), start)


def unpack(packed: bytes) -> bytes:
    """Undo the LZW packing, bounded to what a lead can hold."""
    strings = [bytes([value]) for value in range(256)]
    previous = b""
    out = bytearray()
    for code in _codes(packed):
        if code > LAST_CODE:
            break
        if code < len(strings):
            entry = strings[code]
        elif code == len(strings) and previous:
            entry = previous + previous[:1]
        else:
            raise DamagedStill("the packed waveform names a string that was never built")
        out += entry
        if len(out) > 2 * MOST_SAMPLES:
            raise TooLarge("more samples than any still holds")
        if previous and len(strings) <= LAST_CODE:
            strings.append(previous + entry[:1])
        previous = entry
    return bytes(out)


def _codes(packed: bytes) -> list[int]:
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8))
    whole = bits[: bits.size // CODE_BITS * CODE_BITS].reshape(-1, CODE_BITS)
    weights = 1 << np.arange(CODE_BITS - 1, -1, -1)
    codes: list[int] = (whole @ weights).tolist()
    return codes


def _undo_differences(values: Wide, start: int) -> Wide:
    """Return samples: two plain ones, then each second difference is one place late and biased."""
    if values.size < 3:
        raise DamagedStill("a lead holds no samples")
    seconds = np.concatenate([[start], values[2:-1] - BIAS])
    first_step = values[1] - values[0]
    steps = np.concatenate([[first_step], first_step - np.cumsum(seconds)])
    return np.concatenate([values[:1], values[0] + np.cumsum(steps)])
