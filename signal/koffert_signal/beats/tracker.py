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
KEPT_NODES = 200  # then what lies before the root is dropped


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
        self._score: list[float] = []  # -inf for a node that does not descend from the root
        self._most: list[float] = []  # at least the best score up to each node
        self._before: list[int] = []  # the best predecessor's index, -1 for none
        self._root = -1  # the last beat given out: every path begins there

    def push(self, candidates: Iterable[Candidate], now_s: float) -> list[int]:
        """Take the candidates up to `now_s`; return the samples of the beats settled by them."""
        for candidate in candidates:
            self._add(candidate)
        path = self._best_path(now_s)
        while path and self._nodes[path[-1]].time_s >= now_s - LAG_S:
            path.pop()
        if not path:
            return []
        self._begin_at(path[-1])
        return [self._nodes[i].sample for i in path]

    def close(self, now_s: float) -> list[int]:
        """Return the beats still open; the stream has ended at `now_s`."""
        return [self._nodes[i].sample for i in self._best_path(now_s)]

    def _add(self, candidate: Candidate) -> None:
        if len(self._nodes) > KEPT_NODES:
            self._forget()
        time_s, usual_rr_s = candidate.time_s, candidate.usual_rr_s
        nodes, scores, most, before = self._nodes, self._score, self._most, -1
        best = -inf if self._root >= 0 else -_gap_cost(time_s / usual_rr_s)
        for i in range(len(nodes) - 1, max(self._root, 0) - 1, -1):
            interval_s = time_s - nodes[i].time_s
            if interval_s < REFRACTORY_S:
                continue
            gap = _gap_cost(interval_s / usual_rr_s)
            if most[i] - gap <= best:
                break  # no node further back can do better
            score = scores[i] - _odd_cost(interval_s, candidate) - gap
            if score > best:
                best, before = score, i
        score = candidate.log_odds + best
        most.append(score if not most or score > most[-1] else most[-1])
        nodes.append(candidate)
        scores.append(score)
        self._before.append(before)

    def _best_path(self, now_s: float) -> list[int]:
        """Return the likeliest train of beats behind the root, if no beat came from its end to `now_s`."""
        if not self._nodes:
            return []
        usual_rr_s = self._nodes[-1].usual_rr_s
        best, at = -inf, -1
        for i in range(len(self._nodes) - 1, max(self._root, 0) - 1, -1):
            gap = _gap_cost((now_s - self._nodes[i].time_s) / usual_rr_s)
            if self._most[i] - gap <= best:
                break
            if self._score[i] - gap > best:
                best, at = self._score[i] - gap, i
        path = []
        while at > self._root:
            path.append(at)
            at = self._before[at]
        return path[::-1]

    def _begin_at(self, root: int) -> None:
        """Let every path begin at `root`; what does not descend from it can no longer win."""
        self._root = root
        for i in range(root + 1, len(self._nodes)):
            before = self._before[i]
            if before < root or self._score[before] == -inf:
                self._score[i] = -inf

    def _forget(self) -> None:
        """Drop the nodes before the root, and count scores from its own."""
        first = max(self._root, 0)
        base = self._score[first]
        self._nodes = self._nodes[first:]
        self._score = [score - base for score in self._score[first:]]
        self._most = [most - base for most in self._most[first:]]
        self._before = [before - first for before in self._before[first:]]
        self._root -= first


def _odd_cost(interval_s: float, candidate: Candidate) -> float:
    """Return what an interval off the usual one costs, and one as short as a T wave's."""
    usual_rr_s = candidate.usual_rr_s
    off = log(interval_s / usual_rr_s)
    cost = candidate.noise * min(RHYTHM_COST * off * off, RHYTHM_COST_MOST)
    if interval_s >= T_WAVE_S:
        return cost
    t_wave_s = min(T_WAVE_S, T_WAVE_SHARE * usual_rr_s)
    if interval_s < t_wave_s:
        cost += T_WAVE_COST * (t_wave_s - interval_s) / (t_wave_s - REFRACTORY_S)
    return cost


def _gap_cost(usual_intervals: float) -> float:
    return GAP_COST * (usual_intervals - GAP_FROM) if usual_intervals > GAP_FROM else 0.0
