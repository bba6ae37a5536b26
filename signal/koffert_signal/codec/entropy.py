"""Residuals to bits and back, in lanes that run side by side.

Each lane is a row of its own: every GROUP residuals the change of class, then the residuals in the
code of that class. All lanes are read in step, one numpy operation for all of them, so that speed
comes from many lanes (long records), not from a loop over samples.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from koffert_signal.checks import Ints
from koffert_signal.codec import bits
from koffert_signal.codec.codes import (
    CHANGE_ROW,
    CLASSES,
    ESCAPE,
    ESCAPE_BITS,
    PEEK_BITS,
    codes,
)
from koffert_signal.errors import CorruptData

GROUP = 32  # shorter follows a QRS more closely, longer tells its class less often
FIRST_CLASS = 8
# Classes tried, from the one that the group's mean logarithm points to.
CLASS_AT_ONE, CLASSES_TRIED = 4, (-1, 0, 1, 2)
LARGEST = 2**ESCAPE_BITS  # of a folded residual

Bytes = npt.NDArray[np.uint8]
Array = TypeVar("Array", npt.NDArray[np.uint64], Ints)


def encode(residuals: Ints) -> tuple[bytes, Ints]:
    """Return the bits of all lanes (rows) one after another, and the length in bits of each."""
    table = codes()
    folded = fold(residuals)
    _lanes, samples = folded.shape
    groups = -(-samples // GROUP)
    classes = _classes(folded, groups)
    each = np.repeat(classes, GROUP, axis=1)[:, :samples]
    row, shift = table.row[each], table.shift[each]
    symbol = np.minimum(folded >> shift, ESCAPE)
    value, length = table.code[row, symbol], table.length[row, symbol] + shift
    low = folded & ((1 << shift) - 1)
    value = (value << shift.astype(np.uint64)) | low.astype(np.uint64)
    escaped = np.nonzero(symbol == ESCAPE)
    plain = folded[escaped].astype(np.uint64) << shift[escaped].astype(np.uint64)
    head = table.code[row[escaped], ESCAPE] << np.uint64(ESCAPE_BITS)
    value[escaped] = (head << shift[escaped].astype(np.uint64)) | plain
    change = fold(np.diff(classes, axis=1, prepend=FIRST_CLASS))
    values = _interleave(table.code[CHANGE_ROW][change], value, samples)
    lengths = _interleave(table.length[CHANGE_ROW][change], length, samples)
    return bits.write(values.ravel(), lengths.ravel()), lengths.sum(axis=1)


def decode(packed: Bytes, starts: Ints, samples: int) -> Ints:
    """Return the residuals (lanes, samples) that begin at the bit positions `starts`.

    Any bits give some residuals or CorruptData; positions never leave the data.
    """
    table = codes()
    ahead = bits.windows(packed, PEEK_BITS)
    last = ahead.size - 1
    position = starts.astype(np.int64)
    at_class = np.full(position.size, FIRST_CLASS, np.int64)
    entries = np.empty((samples, position.size), np.int64)
    ends = np.empty((samples, position.size), np.int64)
    shifts = np.empty((-(-samples // GROUP), position.size), np.int64)
    for first in range(0, samples, GROUP):
        entry = (CHANGE_ROW << PEEK_BITS) + ahead[np.minimum(position, last)].astype(np.int64)
        position += table.length_at[entry]
        at_class = np.clip(
            at_class + unfold(table.symbol_at[entry].astype(np.int64)), 0, CLASSES - 1
        )
        base = table.row[at_class] << PEEK_BITS
        shift = shifts[first // GROUP] = table.shift[at_class]
        for sample in range(first, min(first + GROUP, samples)):
            entry = base + ahead.take(position, mode="clip")
            position += table.length_at.take(entry)
            position += shift
            entries[sample] = entry
            ends[sample] = position
    if np.any(position > ahead.size):
        raise CorruptData("the bits end before the samples do")
    return _joined(packed, entries, ends, np.repeat(shifts, GROUP, axis=0)[:samples]).T


def fold(values: Ints) -> Ints:
    """Return 0, 1, 2, 3, 4 … for 0, -1, 1, -2, 2 …."""
    return np.asarray((values << 1) ^ (values >> 63))


def unfold(values: Ints) -> Ints:
    """Undo `fold`."""
    return np.asarray((values >> 1) ^ -(values & 1))


def _joined(packed: Bytes, entries: Ints, ends: Ints, shift: Ints) -> Ints:
    """Put codes and plain bits together: those before `ends`, an escape's before those."""
    symbol = codes().symbol_at[entries].astype(np.int64)
    folded = symbol << shift
    for where, width in (
        (np.nonzero(shift), None),
        (np.nonzero(symbol == ESCAPE), ESCAPE_BITS),
    ):
        if not where[0].size:
            continue
        size = shift[where] if width is None else np.full(where[0].size, width)
        skipped = shift[where] + (0 if width is None else width)
        position = np.clip(ends[where] - skipped, 0, packed.size * 8)
        plain = bits.read(packed, position, size).astype(np.int64)
        folded[where] = folded[where] | plain if width is None else plain
    return unfold(folded)


def _classes(folded: Ints, groups: int) -> Ints:
    """Return the cheapest class of each group, no smaller than its largest residual allows."""
    table = codes()
    lanes, samples = folded.shape
    padded = np.zeros((lanes, groups * GROUP), np.int64)
    padded[:, :samples] = folded
    cells = padded.reshape(lanes, groups, GROUP)
    if cells.max(initial=0) >= LARGEST:
        raise CorruptData("a residual is wider than 40 bits")
    # The mean logarithm follows most of the group, not its outliers: those escape.
    likely = np.rint(2 * np.log2(cells + 1.0).mean(axis=2) + CLASS_AT_ONE).astype(np.int64)
    best = np.zeros((lanes, groups), np.int64)
    cost = np.full((lanes, groups), np.iinfo(np.int64).max)
    for step in CLASSES_TRIED:
        tried = np.clip(likely + step, 0, CLASSES - 1)
        shift, row = table.shift[tried], table.row[tried]
        symbol = np.minimum(cells >> shift[..., None], ESCAPE)
        price = table.length[row[..., None], symbol].sum(axis=2) + GROUP * shift
        best = np.where(price < cost, tried, best)
        cost = np.minimum(cost, price)
    return best


def _interleave(heads: Array, values: Array, samples: int) -> Array:
    """Put each group's head before its values."""
    lanes, groups = heads.shape
    columns = np.arange(samples)
    result = np.zeros((lanes, samples + groups), values.dtype)
    result[:, columns + columns // GROUP + 1] = values
    result[:, np.arange(groups) * (GROUP + 1)] = heads
    return np.asarray(result)
