"""Rows of bits of varying length, written and read without a loop over the values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from koffert_signal.checks import Ints

Words = npt.NDArray[np.uint64]
WORD = 64


def write(values: Words, lengths: Ints | npt.NDArray[np.uint8]) -> bytes:
    """Return the values' lowest `lengths` bits (0 to 63 each) one after another, high bit first."""
    total = int(lengths.sum(dtype=np.int64))
    words = np.zeros(total // WORD + 2, np.uint64)
    kept = lengths > 0
    values, lengths = values[kept], lengths[kept]
    if lengths.size:
        end = np.cumsum(lengths, dtype=np.int64)
        word = (end - lengths) >> 6
        room = ((word + 1) << 6) - end  # below 0: the rest goes into the next word
        fits = np.maximum(room, 0).astype(np.uint64)
        over = np.maximum(-room, 0).astype(np.uint64)
        first = np.flatnonzero(np.diff(word, prepend=-1))
        words[word[first]] = np.bitwise_or.reduceat((values << fits) >> over, first)
        split = over > 0
        words[word[split] + 1] |= values[split] << (np.uint64(WORD) - over[split])
    return words.astype(">u8").tobytes()[: -(-total // 8)]


def windows(packed: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint16]:
    """Return for every bit position the next `width` (at most 16) bits; zeros follow the end."""
    padded = np.concatenate([packed, np.zeros(3, np.uint8)]).astype(np.uint32)
    three = (padded[:-2] << 16) | (padded[1:-1] << 8) | padded[2:]
    result = np.empty((three.size, 8), np.uint16)
    for bit in range(8):
        result[:, bit] = (three >> np.uint32(24 - width - bit)) & np.uint32(2**width - 1)
    return result.reshape(-1)


def read(packed: npt.NDArray[np.uint8], position: Ints, lengths: Ints) -> Words:
    """Return `lengths` bits (0 to 48 each) from each position; zeros follow the end."""
    padded = np.concatenate([packed, np.zeros(8, np.uint8)])
    byte = position >> 3
    word = np.zeros(position.shape, np.uint64)
    for offset in range(7):
        word = (word << np.uint64(8)) | padded[byte + offset]
    drop = (56 - (position & 7) - lengths).astype(np.uint64)
    mask = (np.uint64(1) << lengths.astype(np.uint64)) - np.uint64(1)
    return np.asarray((word >> drop) & mask)
