"""Limb leads that are sums of two others, found in the numbers themselves.

A cart computes III, aVR, aVL and aVF from I and II and rounds them its own way. Where a channel is
half an integer combination of two others up to rounding, only what the best rounding rule misses is
coded: for a cart's own file nothing at all.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from koffert_signal.checks import Ints

# Weights of the two, in halves: sums and differences, then the augmented leads.
HALVES = tuple(
    (p, q)
    for sizes in ((2, 2), (1, 1), (2, 1), (1, 2))
    for p in (sizes[0], -sizes[0])
    for q in (sizes[1], -sizes[1])
)
ROUNDINGS = 4  # down, up, toward zero, away from zero
TRIED = 24  # samples looked at before a combination is worth all of them
# What re-digitised records miss by; a channel that misses by more is better predicted from itself.
LARGEST_MISS = 2


class Rule(Struct, frozen=True):
    """Channel = (p first + q second) / 2, rounded; `first` and `second` are coded channels."""

    first: int
    second: int
    halves: int
    rounding: int


def find(channels: Ints) -> dict[int, Rule]:
    """Return the rule of each channel that has one; no rule refers to a channel with a rule."""
    rules: dict[int, Rule] = {}
    sources: set[int] = set()
    if not 3 <= len(channels) <= 32 or np.abs(channels).max(initial=0) >= 2**40:
        return rules
    spread = np.linspace(0, channels.shape[1] - 1, TRIED).astype(np.int64)
    probe = channels[:, spread]
    flat = np.ptp(channels, axis=1) == 0
    for target in range(len(channels)):
        if target in sources or flat[target]:
            continue
        free = [c for c in range(len(channels)) if c != target and c not in rules and not flat[c]]
        rule = _rule_for(target, free, sources, channels, probe)
        if rule:
            rules[target] = rule
            sources |= {rule.first, rule.second}
    return rules


def predicted(rule: Rule, first: Ints, second: Ints) -> Ints:
    """Return what the rule says of its channel."""
    p, q = HALVES[rule.halves]
    doubled = p * first + q * second
    down = doubled >> 1
    odd = doubled & 1
    negative = doubled < 0
    up = (np.zeros_like(odd), odd, odd & negative, odd & ~negative)[rule.rounding]
    return np.asarray(down + up)


def _rule_for(
    target: int, free: list[int], sources: set[int], channels: Ints, probe: Ints
) -> Rule | None:
    if len(free) < 2:
        return None
    pairs = np.array(free)[np.stack(np.triu_indices(len(free), 1), axis=1)]
    halves, pair = np.divmod(np.arange(len(HALVES) * len(pairs)), len(pairs))
    miss = np.zeros(halves.size, np.int64)
    for few in (probe[:, ::8], probe):  # most combinations fail on a few samples
        near = miss <= 2 * LARGEST_MISS
        halves, pair = halves[near], pair[near]
        p, q = np.array(HALVES)[halves].T[:, :, None]
        first, second = pairs[pair].T
        miss = np.abs(2 * few[target] - p * few[first] - q * few[second]).max(axis=1, initial=0)
    # Leads that others rest on already come first among equals: two suffice for six.
    is_source = np.zeros(len(channels), dtype=bool)
    is_source[list(sources)] = True
    cost = 2 * (miss > 1) * miss + ~(is_source[first] & is_source[second])
    best = int(cost.argmin()) if cost.size else 0
    if not cost.size or miss[best] > 2 * LARGEST_MISS:
        return None
    return _best_rounding(target, int(first[best]), int(second[best]), int(halves[best]), channels)


def _best_rounding(
    target: int, first: int, second: int, halves: int, channels: Ints
) -> Rule | None:
    rules = [Rule(first, second, halves, rounding) for rounding in range(ROUNDINGS)]
    misses = [channels[target] - predicted(r, channels[first], channels[second]) for r in rules]
    sizes = [int(np.abs(miss).sum()) for miss in misses]
    best = int(np.argmin(sizes))
    within = int(np.abs(misses[best]).max()) <= 2 * LARGEST_MISS
    return rules[best] if within else None
