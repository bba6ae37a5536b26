"""Prediction of integer samples from their own past: fixed differences or fitted coefficients.

A channel is cut into lanes that start anew, so that all can be rebuilt in step. The arithmetic is
exact in floats: whole numbers below 2^53 throughout.
"""

from __future__ import annotations

import numpy as np

from koffert_signal.checks import Floats, Ints
from koffert_signal.errors import CorruptData

LONGEST = 16  # 32 saves 0.4 % more on 1 kHz recordings and takes a third longer
SHORTEST_FIT = 512  # samples; below, sixteen bits for each coefficient cost more than they save
FITTED_TO = 4096  # samples of a longer row, at least: all of 16,384 would save 0.15 %
SCALE_BITS = 12  # of a coefficient's fraction; coefficients stay within ±8
COEFFICIENT_BITS = 16
STRETCH = 32  # as long as the entropy coder keeps one class
LARGEST = 2**31  # 2^31 samples times 2^15 coefficients times 2^5 of them stays below 2^53

LARGEST_SUM = 2.0**52

Coefficients = tuple[int, ...]  # of the last samples, newest first, in units of 2^-12
FIXED: tuple[Coefficients, ...] = tuple(
    tuple(c << SCALE_BITS for c in row) for row in ((), (1,), (2, -1), (3, -3, 1))
)


def choose(lanes: Ints) -> tuple[Coefficients, Ints]:
    """Return the predictor that makes one channel, cut into lanes, cheapest, and its residuals."""
    x = lanes.ravel()
    left = [x]
    for _ in FIXED[1:]:
        left.append(np.diff(left[-1]))
    costs = [_cost_bits(values) for values in left]
    best = int(np.argmin(costs))
    fitted: Coefficients = ()
    if x.size >= SHORTEST_FIT:
        fitted = _fitted(x.astype(np.float64), _calm(left[best], x.size))
    if fitted:
        own = residuals(lanes, fitted)
        saved_bits = costs[best] - _cost_bits(own[:, len(fitted) :].ravel())
        if x.size * saved_bits > COEFFICIENT_BITS * len(fitted):
            return fitted, own
    return FIXED[best], residuals(lanes, FIXED[best])


def residuals(lanes: Ints, scaled: Coefficients) -> Ints:
    """Return what the predictor leaves of each lane (row).

    The first sample stays; up to the predictor's length follow first and second differences.
    """
    order = len(scaled)
    if order == 0 or lanes.shape[1] == 1:
        return lanes.copy()
    left = lanes.copy()
    left[:, 1:] = np.diff(lanes, axis=1)
    left[:, 2:order] = np.diff(lanes[:, :order], n=2, axis=1)
    if lanes.shape[1] > order:
        left[:, order:] = lanes[:, order:] - _guessed(lanes.astype(np.float64), scaled)
    return left


def _guessed(x: Floats, scaled: Coefficients) -> Ints:
    """Return what the samples before say of each, from the first that has them all."""
    order, (lanes, samples) = len(scaled), x.shape
    # One row of all lanes: what reaches back into the lane before is left out.
    total = np.zeros(lanes * samples)
    total[order:] = np.convolve(x.ravel()[:-1], np.array(scaled, np.float64), mode="valid")
    return np.asarray(_rounded(total.reshape(lanes, samples)[:, order:]).astype(np.int64))


def rebuild(left: Ints, scaled: list[Coefficients]) -> Ints:
    """Undo `residuals` for lanes (rows), each with its own predictor."""
    x = np.empty_like(left)
    for order, fixed in enumerate(FIXED):
        rows = [row for row, coefficients in enumerate(scaled) if coefficients == fixed]
        if rows:
            x[rows] = _summed(left[rows], order)
    rows = [row for row, coefficients in enumerate(scaled) if coefficients not in FIXED]
    if rows:
        x[rows] = _stepped(left[rows], [scaled[row] for row in rows])
    return x


def _summed(left: Ints, order: int) -> Ints:
    for start in range(order - 1, -1, -1):
        left[:, start:] = np.cumsum(left[:, start:], axis=1)
    return left


def _stepped(left: Ints, scaled: list[Coefficients]) -> Ints:
    lanes, samples = left.shape
    orders = np.array([len(coefficients) for coefficients in scaled])
    longest = int(orders.max())
    weights = np.zeros((longest, lanes))  # oldest first
    for lane, coefficients in enumerate(scaled):
        weights[longest - len(coefficients) :, lane] = coefficients[::-1]
    x = np.zeros((longest + samples, lanes))
    x[longest:] = left.T
    _warm_up(x, longest, orders)
    with np.errstate(all="ignore"):  # damaged coefficients may run away; the check below names it
        _step_on(x, weights, orders)
    rebuilt = x[longest:].T
    if not np.all(np.abs(rebuilt) < LARGEST_SUM):
        raise CorruptData("a predictor that runs away")
    return np.asarray(rebuilt.astype(np.int64))


def _step_on(x: Floats, weights: Floats, orders: Ints) -> None:
    """Rebuild sample after sample of all lanes, in place."""
    longest, lanes = weights.shape
    product = np.empty_like(weights)
    guess = np.empty(lanes)
    for here in range(longest + int(orders.min()), len(x)):
        np.multiply(x[here - longest : here], weights, out=product)
        np.add.reduce(product, axis=0, out=guess)
        guess *= 2.0**-SCALE_BITS
        guess += 0.5
        np.floor(guess, out=guess)
        if here - longest < longest:
            guess[here - longest < orders] = 0.0
        x[here] += guess


def _warm_up(x: Floats, longest: int, orders: Ints) -> None:
    """Rebuild each lane's first samples, as many as its predictor is long, in place."""
    for order in np.unique(orders).tolist():
        lanes = np.flatnonzero(orders == order)
        start = x[longest : longest + order, lanes]
        start[1:] = np.cumsum(start[1:], axis=0)
        x[longest : longest + order, lanes] = np.cumsum(start, axis=0)


def _rounded(scaled: Floats) -> Floats:
    return np.asarray(np.floor(scaled * 2.0**-SCALE_BITS + 0.5))


def _cost_bits(left: Ints) -> float:
    """Return bits a residual, up to a constant, where the code follows the size of each stretch."""
    if left.size == 0:
        return np.inf
    sizes = np.add.reduceat(np.abs(left), np.arange(0, left.size, STRETCH))
    return float(np.log2(sizes[: max(1, left.size // STRETCH)] / STRETCH + 0.25).mean())


def _calm(left: Ints, samples: int) -> Floats:
    """Return each sample's weight: the inverse of how large residuals are around it.

    What counts is the logarithm of a residual: without weights the fit would serve the QRS alone.
    """
    sizes = np.add.reduceat(np.abs(left), np.arange(0, left.size, STRETCH)) / STRETCH
    weight = 1 / (sizes + 0.5)
    around = np.repeat(weight, STRETCH)[: left.size]
    return np.concatenate([np.full(samples - left.size, weight[0]), around])


def _thinned(x: Floats) -> Floats:
    """Return stretches of a long row, far apart: neighbours, since resampling leaves patterns."""
    apart = max(1, x.size // FITTED_TO)
    if apart == 1:
        return x[None]
    return x[: x.size - x.size % (apart * STRETCH)].reshape(-1, apart * STRETCH)[:, :STRETCH]


def _fitted(x: Floats, weight: Floats) -> Coefficients:
    """Fit every order up to LONGEST by one Cholesky factor; return the cheapest, () for none."""
    taken = _thinned(weight[LONGEST:])
    rows = np.empty((LONGEST + 1, *taken.shape))  # each sample and those before it, weighed
    for back, row in enumerate(rows):
        np.multiply(_thinned(x[LONGEST - back : x.size - back]), taken, out=row)
    rows = rows.reshape(LONGEST + 1, -1)
    gram = rows @ rows.T
    inner = gram[1:, 1:] + np.eye(LONGEST) * (1e-9 * float(np.trace(gram)) + 1e-6)
    try:
        factor = np.linalg.cholesky(inner)
    except np.linalg.LinAlgError:  # rounding left it singular: a fixed predictor does as well
        return ()
    projections = np.linalg.solve(factor, gram[1:, 0])
    power = np.maximum(gram[0, 0] - np.cumsum(projections**2), 1e-9)
    cost = x.size * np.log2(power) / 2 + COEFFICIENT_BITS * np.arange(1, LONGEST + 1)
    order = int(cost.argmin()) + 1
    coefficients = np.linalg.solve(factor[:order, :order].T, projections[:order])
    scaled = np.rint(coefficients * 2**SCALE_BITS)
    if np.abs(scaled).max() >= 2 ** (COEFFICIENT_BITS - 1):
        return ()
    return tuple(int(c) for c in scaled)
