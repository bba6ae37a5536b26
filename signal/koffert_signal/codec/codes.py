"""The prefix codes: one per scale of residual, fixed by formula, so that no table is ever sent.

A residual is folded to u = 0, 1, 2, … for 0, -1, 1, …; a class says how large residuals around it
are, in steps of half an octave. Small classes code u itself; a larger one sends the low `shift`
bits as they are and codes the rest.
"""

from __future__ import annotations

import heapq
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_signal.checks import Floats, Ints

SYMBOLS = 64
ESCAPE = SYMBOLS - 1  # a residual too large for its class: ESCAPE_BITS plain bits follow
ESCAPE_BITS = 40
PEEK_BITS = 14  # the longest code; 2^14 entries a table stay in a processor's cache
PLAIN = 10  # classes that code u itself: mean sizes 0.11 to 2.5 residual steps and one octave more
CLASSES = 76  # the last codes residuals of 2^33: differences of the widest samples
SMALLEST_SCALE = 0.11
# Least probability of a symbol. Keeps every code within PEEK_BITS and costs 0.01 bits.
LEAST_PROBABILITY = 2.0**-13
# A class mostly stays, or moves by one: the code of its change, folded like a residual.
CHANGE_DECAY = 0.62


class Codes(Struct, frozen=True):
    """Tables by row: 0 to PLAIN-1 plain classes, two for shifted ones, the last for class changes."""

    code: npt.NDArray[np.uint64]  # (row, symbol)
    length: Ints  # (row, symbol), an escape's plain bits counted
    price: npt.NDArray[np.uint8]  # the same in few bytes, row * SYMBOLS + symbol
    symbol_at: npt.NDArray[np.uint8]  # (row * 2^PEEK_BITS + the bits that come)
    length_at: npt.NDArray[np.uint8]
    row: Ints  # of a class
    shift: Ints  # of a class


CHANGE_ROW = PLAIN + 2


@lru_cache(maxsize=1)
def codes() -> Codes:
    """Return the tables; they follow from the constants above alone."""
    rows = [_plain(SMALLEST_SCALE * 2 ** (c / 2)) for c in range(PLAIN)]
    rows += [_shifted(SMALLEST_SCALE * 2 ** (c / 2)) for c in (PLAIN - 2, PLAIN - 1)]
    rows.append(np.asarray(CHANGE_DECAY ** np.arange(SYMBOLS), dtype=np.float64))
    lengths = np.array([_huffman_lengths(row) for row in rows])
    code = np.array([_canonical(row) for row in lengths], dtype=np.uint64)
    symbol_at, length_at = _peek_tables(code, lengths)
    lengths[:CHANGE_ROW, ESCAPE] += ESCAPE_BITS
    escapes = np.arange(length_at.size) < CHANGE_ROW << PEEK_BITS
    length_at[escapes & (symbol_at == ESCAPE)] += ESCAPE_BITS
    over = np.maximum(np.arange(CLASSES) - PLAIN, -1)
    shift = np.where(over >= 0, over // 2 + 1, 0)
    row = np.where(over >= 0, PLAIN + over % 2, np.arange(CLASSES))
    price = lengths.ravel().astype(np.uint8)
    return Codes(code, lengths, price, symbol_at, length_at, row, shift)


def _plain(scale: float) -> Floats:
    u = np.arange(SYMBOLS)
    return _density((u + 1) // 2 / scale)


def _shifted(scale: float) -> Floats:
    return _density((np.arange(SYMBOLS) + 0.5) / 2 / scale)


def _density(size: Floats) -> Floats:
    """Logistic: between the bell and the double exponential, as residuals of a known scale are."""
    return np.asarray(np.cosh(np.minimum(size, 300.0) / 2) ** -2)


def _huffman_lengths(weights: Floats) -> list[int]:
    probability = np.maximum(weights / weights.sum(), LEAST_PROBABILITY)
    heap = [(float(p), i, [i]) for i, p in enumerate(probability)]
    heapq.heapify(heap)
    lengths = [0] * len(heap)
    for merged in range(len(heap), 2 * len(heap) - 1):
        (p, _, left), (q, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (p + q, merged, left + right))
    if max(lengths) > PEEK_BITS:
        raise AssertionError("LEAST_PROBABILITY no longer bounds the codes")
    return lengths


def _canonical(lengths: Ints) -> list[int]:
    order = sorted(range(SYMBOLS), key=lambda s: (int(lengths[s]), s))
    code, previous, result = 0, 0, [0] * SYMBOLS
    for symbol in order:
        length = int(lengths[symbol])
        code <<= length - previous
        result[symbol], previous = code, length
        code += 1
    return result


def _peek_tables(
    code: npt.NDArray[np.uint64], lengths: Ints
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return which symbol, and how long a code, any PEEK_BITS bits begin with."""
    symbols = np.zeros((len(code), 2**PEEK_BITS), np.uint8)
    sizes = np.zeros_like(symbols)
    for row in range(len(code)):
        for symbol in range(SYMBOLS):
            length = int(lengths[row, symbol])
            first = int(code[row, symbol]) << (PEEK_BITS - length)
            after = first + (1 << (PEEK_BITS - length))
            symbols[row, first:after] = symbol
            sizes[row, first:after] = length
    return symbols.ravel(), sizes.ravel()
