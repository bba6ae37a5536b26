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
    SYMBOLS,
    codes,
)
from koffert_signal.errors import CorruptData

GROUP = 32  # shorter follows a QRS more closely, longer tells its class less often
FIRST_CLASS = 8
# Classes tried, from the one that the group's mean logarithm points to.
CLASS_AT_ONE, CLASSES_TRIED = 4, (-1, 0, 1, 2)
LANES_AT_ONCE = 8  # what is computed on the way stays in the cache, and in memory already at hand
LARGEST = 2**ESCAPE_BITS  # of a folded residual

Bytes = npt.NDArray[np.uint8]
Array = TypeVar("Array", npt.NDArray[np.uint64], Ints)


def encode(residuals: Ints) -> tuple[bytes, Ints]:
    """Return the bits of all lanes (rows) one after another, and the length in bits of each."""
    lanes, samples = residuals.shape
    groups = -(-samples // GROUP)
    values = np.empty((lanes, groups, GROUP + 1), np.uint64)  # each group's class, then its samples
    lengths = np.empty(values.shape, np.uint8)
    for first in range(0, lanes, LANES_AT_ONCE):
        some = slice(first, first + LANES_AT_ONCE)
        _encode(_in_groups(fold(residuals[some])), values[some], lengths[some])
    filled = groups * GROUP - samples
    if filled:
        values[:, -1, GROUP + 1 - filled :] = 0
        lengths[:, -1, GROUP + 1 - filled :] = 0
    return bits.write(values.ravel(), lengths.ravel()), lengths.sum(axis=(1, 2), dtype=np.int64)


def _encode(cells: Ints, values: npt.NDArray[np.uint64], lengths: Bytes) -> None:
    """Put the code of each class and residual, and its length, into `values` and `lengths`."""
    table = codes()
    if cells.max(initial=0) >= LARGEST:
        raise CorruptData("a residual is wider than 40 bits")
    if cells.max(initial=0) < 2**31:
        cells = cells.astype(np.int32)  # half the bytes to move
    classes = _classes(cells)
    change = CHANGE_ROW * SYMBOLS + fold(np.diff(classes, axis=1, prepend=FIRST_CLASS))
    values[:, :, 0], lengths[:, :, 0] = table.code.take(change), table.price.take(change)
    shift = table.shift[classes][..., None].astype(cells.dtype)
    symbol = np.minimum(cells >> shift, ESCAPE)
    entry = symbol + (table.row[classes] * SYMBOLS)[..., None].astype(cells.dtype)
    np.add(table.price.take(entry), shift.astype(np.uint8), out=lengths[:, :, 1:])
    code = table.code.take(entry)
    if shift.any():
        code <<= shift.astype(np.uint64)
        code |= (cells & ((1 << shift) - 1)).astype(np.uint64)
    values[:, :, 1:] = code
    if symbol.max(initial=0) == ESCAPE:
        escaped = np.nonzero(symbol == ESCAPE)
        head = table.code.take(entry[escaped]) << np.uint64(ESCAPE_BITS)
        plain = head | cells[escaped].astype(np.uint64)
        lane, group, sample = escaped
        values[lane, group, sample + 1] = plain << table.shift[classes[lane, group]].astype(
            np.uint64
        )


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


def _in_groups(folded: Ints) -> Ints:
    """Return the residuals (lanes, groups, GROUP), the last group filled up with zeros."""
    lanes, samples = folded.shape
    groups = -(-samples // GROUP)
    padded = np.zeros((lanes, groups * GROUP), np.int64)
    padded[:, :samples] = folded
    return padded.reshape(lanes, groups, GROUP)


def _classes(cells: Ints) -> Ints:
    """Return the cheapest class of each group, no smaller than its largest residual allows."""
    table = codes()
    # The mean logarithm follows most of the group, not its outliers: those escape.
    octaves = np.log2(np.float32(1) + cells).mean(axis=2)
    likely = np.rint(2 * octaves + CLASS_AT_ONE).astype(np.int64)
    best = np.zeros(likely.shape, np.int64)
    cost = np.full(likely.shape, np.iinfo(np.int64).max)
    for step in CLASSES_TRIED:
        tried = np.clip(likely + step, 0, CLASSES - 1)
        shift = table.shift[tried]
        entry = np.minimum(cells >> shift[..., None].astype(cells.dtype), ESCAPE)
        entry += (table.row[tried] * SYMBOLS)[..., None].astype(cells.dtype)
        price = table.price.take(entry).sum(axis=2, dtype=np.int64) + GROUP * shift
        best = np.where(price < cost, tried, best)
        cost = np.minimum(cost, price)
    return best
