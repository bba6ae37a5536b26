"""Rows of bits of varying length, written and read without a loop over the values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from koffert_signal.checks import Ints

Words = npt.NDArray[np.uint64]
WORD = 64


def write(values: Words, lengths: npt.NDArray[np.uint8]) -> bytes:
    """Return the values' `lengths` bits (0 to 63 each) one after another, high bit first.

    No value is wider than its length.
    """
    total = int(lengths.sum(dtype=np.int64))
    words = np.zeros(total // WORD + 2, np.uint64)
    values, lengths = _joined(values, lengths)
    if total:
        end = np.cumsum(lengths, dtype=np.int64)
        word = (end - lengths) >> 6
        room = ((word + 1) << 6) - end  # below 0: the rest goes into the next word
        fits = np.maximum(room, 0).astype(np.uint64)
        over = np.maximum(-room, 0).astype(np.uint64)
        first = np.flatnonzero(np.diff(word, prepend=-1))
        words[word[first]] = np.bitwise_or.reduceat((values << fits) >> over, first)
        split = np.flatnonzero(over)
        words[word[split] + 1] |= values[split] << (np.uint64(WORD) - over[split])
    return words.astype(">u8").tobytes()[: -(-total // 8)]


def _joined(values: Words, lengths: npt.NDArray[np.uint8]) -> tuple[Words, npt.NDArray[np.uint8]]:
    """Return neighbours made one for as long as every pair fits: the fewer are left, the faster."""
    while lengths.size > 1:
        if lengths.size % 2:
            values, lengths = np.append(values, np.uint64(0)), np.append(lengths, np.uint8(0))
        both = lengths[::2] + lengths[1::2]
        if both.max() >= WORD:
            break
        values = (values[::2] << lengths[1::2].astype(np.uint64)) | values[1::2]
        lengths = both
    return values, lengths


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
    # The eight bytes from each byte on; overlapping, and nothing is copied.
    eight = np.ndarray(packed.size + 1, ">u8", padded, strides=(1,))
    word = eight[position >> 3].astype(np.uint64)
    drop = (WORD - (position & 7) - lengths).astype(np.uint64)
    mask = (np.uint64(1) << lengths.astype(np.uint64)) - np.uint64(1)
    return np.asarray((word >> drop) & mask)
