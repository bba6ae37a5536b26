"""The likeliest train of beats through a stream of candidates (Viterbi, settled with a fixed lag)."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, log
from typing import NamedTuple

LAG_S = 3.0  # later candidates hardly ever change what lies this far back
REFRACTORY_S = 0.2  # no ventricle beats faster than 300/min
T_WAVE_S = 0.36  # a second maximum this soon is a T wave rather than a beat, the sooner the surer
T_WAVE_SHARE = 0.8  # of the usual interval at most: in a fast rhythm that soon comes the next beat
T_WAVE_COST = 4.0
# Cost of an interval that is off the usual one, in log odds: quadratic in its logarithm, bounded so
# that an ectopic beat or a pause is never worth more than two clear beats. Scaled by the noise.
RHYTHM_COST, RHYTHM_COST_MOST = 10.0, 5.0
# Each usual interval beyond 1.6 in which no beat is seen costs this: a weak candidate is welcome.
GAP_FROM, GAP_COST = 1.6, 2.0


class Candidate(NamedTuple):
    """A maximum that may be a beat. `noise` is the say of rhythm, from 0 (none) to 1."""

    sample: int
    time_s: float
    log_odds: float
    noise: float
    usual_rr_s: float


class Tracker:
    """Candidates in, beats out; what `push` has returned is final."""

    def __init__(self) -> None:
        self._nodes: list[Candidate] = []
        self._score: list[float] = []
        self._before: list[int] = []  # the best predecessor's index, -1 for none
        self._returned = False  # whether node 0 was given out: then every path begins there

    def push(self, candidates: Iterable[Candidate], now_s: float) -> list[int]:
        """Take the candidates up to `now_s`; return the samples of the beats settled by them."""
        for candidate in candidates:
            self._add(candidate)
        settled = [i for i in self._best_path(now_s) if self._nodes[i].time_s < now_s - LAG_S]
        if not settled:
            return []
        samples = self._samples(settled)
        self._forget_before(settled[-1])
        return samples

    def close(self, now_s: float) -> list[int]:
        """Return the beats still open; the stream has ended at `now_s`."""
        return self._samples(self._best_path(now_s))

    def _samples(self, path: list[int]) -> list[int]:
        return [self._nodes[i].sample for i in path if i or not self._returned]

    def _add(self, candidate: Candidate) -> None:
        since_start = _gap_cost(candidate.time_s / candidate.usual_rr_s)
        best, before = (-inf if self._returned else -since_start), -1
        for i in range(len(self._nodes) - 1, -1, -1):
            interval_s = candidate.time_s - self._nodes[i].time_s
            if interval_s < REFRACTORY_S:
                continue
            score = self._score[i] - _cost(interval_s, candidate)
            if score > best:
                best, before = score, i
        self._nodes.append(candidate)
        self._score.append(candidate.log_odds + best)
        self._before.append(before)

    def _best_path(self, now_s: float) -> list[int]:
        if not self._nodes:
            return []
        usual_rr_s = self._nodes[-1].usual_rr_s
        scores = [
            score - _gap_cost((now_s - node.time_s) / usual_rr_s)
            for node, score in zip(self._nodes, self._score, strict=True)
        ]
        at = max(range(len(scores)), key=scores.__getitem__)
        path = []
        while at >= 0:
            path.append(at)
            at = self._before[at]
        return path[::-1]

    def _forget_before(self, root: int) -> None:
        """Make `root` the first node; what does not descend from it can no longer win."""
        alive = {root}
        for i in range(root + 1, len(self._nodes)):
            if self._before[i] in alive:
                alive.add(i)
        kept = sorted(alive)
        place = {old: new for new, old in enumerate(kept)}
        base = self._score[root]
        self._nodes = [self._nodes[i] for i in kept]
        self._score = [self._score[i] - base for i in kept]
        self._before = [place.get(self._before[i], -1) for i in kept]
        self._before[0] = -1
        self._returned = True


def _cost(interval_s: float, candidate: Candidate) -> float:
    usual_rr_s = candidate.usual_rr_s
    off = log(interval_s / usual_rr_s)
    cost = candidate.noise * min(RHYTHM_COST * off * off, RHYTHM_COST_MOST)
    t_wave_s = min(T_WAVE_S, T_WAVE_SHARE * usual_rr_s)
    if interval_s < t_wave_s:
        cost += T_WAVE_COST * (t_wave_s - interval_s) / (t_wave_s - REFRACTORY_S)
    else:
        cost += _gap_cost(interval_s / usual_rr_s)
    return cost


def _gap_cost(usual_intervals: float) -> float:
    return GAP_COST * max(0.0, usual_intervals - GAP_FROM)
