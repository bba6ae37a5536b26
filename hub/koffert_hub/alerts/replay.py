"""Alerts as they were raised: readings in the order of their arrival, judged as of when they were measured.

What arrives in its place is one turn of the engine. What arrives late, and every correction, goes back to
the last checkpoint before it and is folded in there; alerts that were raised and that the readings no longer
support are kept and marked revised. So what stands at the end does not depend on the order of arrival.
"""

from bisect import bisect_left
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from copy import copy
from typing import NamedTuple

import msgspec
from msgspec import Struct

from koffert_hub.alerts.case import Case
from koffert_hub.alerts.engine import END_MS, advance, elapse, order, record
from koffert_hub.alerts.records import Alert, Correction, Event, Raised, Reading
from koffert_hub.alerts.state import State, decode_state, encode_state

# A late reading mostly belongs near the end; going back costs at most this many turns more.
_CHECKPOINT_READINGS = 64


class _Checkpoint(Struct, frozen=True):
    """The state before reading `index`, and the alerts by then: their number, and those still open.

    An alert that has cleared never changes again, so only the open ones are copied.
    """

    index: int
    state: bytes
    count: int
    open_alerts: dict[int, Alert]
    elapsed_ms: int

    def touched(self, alerts: list[Alert]) -> list[Alert]:
        """Those of `alerts` that may differ from how they were here."""
        return [alerts[place] for place in self.open_alerts] + alerts[self.count :]


class Ledger:
    """One patient's readings and alerts. `arrive` and `tick` with rising times; then look at `alerts`."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._readings: list[Reading] = []
        self._by_id: dict[str, Reading] = {}
        self._corrected: set[str] = set()
        self._checkpoints = [_Checkpoint(0, encode_state(State()), 0, {}, -END_MS)]
        self._state = State()
        self._standing: list[Alert] = []
        self._elapsed_ms = -END_MS  # when the last timer fired: nothing older can be in its place
        self._now_ms = -END_MS
        self.revised: list[Alert] = []

    @property
    def alerts(self) -> list[Alert]:
        """Those that stand, and those that were raised and revised, by the time they were raised."""
        both = [*self._standing, *self.revised]
        return sorted(both, key=lambda alert: (alert.raised_ms, alert.cause, alert.revised))

    def tick(self, now_ms: int) -> None:
        """Let time pass: fire the timers due before `now_ms`."""
        self._now_ms = max(self._now_ms, now_ms)
        self._elapse()

    def arrive(self, reading: Reading) -> None:
        """Take one reading in; one that is known already changes nothing."""
        known = self._by_id.get(reading.id)
        if known is not None:
            return
        self._by_id[reading.id] = reading
        if isinstance(reading.value, Correction):
            self._correct(reading.value)
        elif reading.id not in self._corrected:
            self._insert(reading)

    def _correct(self, correction: Correction) -> None:
        if correction.of in self._corrected:
            return
        self._corrected.add(correction.of)
        wrong = self._by_id.get(correction.of)
        if wrong is not None:
            index = bisect_left(self._readings, order(wrong), key=order)
            if index < len(self._readings) and self._readings[index].id == wrong.id:
                del self._readings[index]
                self._fold_again_from(index, wrong.measured_ms)

    def _insert(self, reading: Reading) -> None:
        index = bisect_left(self._readings, order(reading), key=order)
        self._readings.insert(index, reading)
        in_place = index == len(self._readings) - 1 and reading.measured_ms >= self._elapsed_ms
        if in_place:
            self._advance(index)
        else:
            self._fold_again_from(index, reading.measured_ms)

    def _advance(self, index: int) -> None:
        if index % _CHECKPOINT_READINGS == 0 and index > self._checkpoints[-1].index:
            self._checkpoints.append(self._checkpoint(index))
        reading = self._readings[index]
        record(self._standing, advance(self._case, self._state, reading))

    def _checkpoint(self, index: int) -> _Checkpoint:
        standing = enumerate(self._standing)
        still_open = {place: copy(alert) for place, alert in standing if alert.cleared_ms is None}
        state = encode_state(self._state)
        return _Checkpoint(index, state, len(self._standing), still_open, self._elapsed_ms)

    def _elapse(self) -> None:
        events = elapse(self._case, self._state, self._now_ms)
        if events:
            self._elapsed_ms = max(map(_event_ms, events)) + 1
            record(self._standing, events)

    def _fold_again_from(self, index: int, at_ms: int) -> None:
        """Go back to before reading `index` and before any timer later than `at_ms`."""
        raised = self._standing
        while self._checkpoints[-1].index > index or self._checkpoints[-1].elapsed_ms > at_ms:
            self._checkpoints.pop()
        checkpoint = self._checkpoints[-1]
        self._state = decode_state(checkpoint.state)
        self._standing = raised[: checkpoint.count]
        for place, alert in checkpoint.open_alerts.items():
            self._standing[place] = copy(alert)
        self._elapsed_ms = checkpoint.elapsed_ms
        for place in range(checkpoint.index, len(self._readings)):
            self._advance(place)
        self._elapse()
        self._reconcile(raised, checkpoint)

    def _reconcile(self, raised: list[Alert], since: _Checkpoint) -> None:
        """Keep what was raised and stands no more; forget revisions that stand again."""
        before, now = since.touched(raised), since.touched(self._standing)
        earliest_ms = min((alert.raised_ms for alert in now), default=END_MS)
        settled = [alert for alert in self.revised if _end_ms(alert) < earliest_ms]
        open_again = [alert for alert in self.revised if _end_ms(alert) >= earliest_ms]
        compared = compare([*open_again, *before], now, self._corrected)
        self.revised = settled + [
            alert if alert.revised else _revise(alert, self._now_ms) for alert in compared.gone
        ]


class Compared(NamedTuple):
    """Alerts raised before, against those that the readings support now."""

    same: list[tuple[Alert, Alert]]
    gone: list[Alert]
    new: list[Alert]


def compare(raised: list[Alert], standing: list[Alert], corrected: AbstractSet[str]) -> Compared:
    """Pair them by episode; what rests on a corrected reading is gone, whatever stands in its place."""
    new, same, gone = list(standing), list[tuple[Alert, Alert]](), list[Alert]()
    for alert in raised:
        wrong = not corrected.isdisjoint(alert.readings)
        match = next((one for one in new if not wrong and _same_episode(alert, one)), None)
        if match is None:
            gone.append(alert)
        else:
            new.remove(match)
            same.append((alert, match))
    return Compared(same, gone, new)


def evaluate_arrivals(case: Case, readings: Iterable[Reading]) -> list[Alert]:
    """Alerts as they would have been raised; all timers run to their end."""
    ledger = Ledger(case)
    for reading in sorted(readings, key=_arrival):
        ledger.tick(reading.arrived_ms)
        ledger.arrive(reading)
    ledger.tick(END_MS)
    return ledger.alerts


def _arrival(reading: Reading) -> tuple[int, int, str, bytes]:
    """Ties, and different readings under one id, are told apart by content, never by place in a file."""
    return reading.arrived_ms, reading.measured_ms, reading.id, msgspec.json.encode(reading)


def _event_ms(event: Event) -> int:
    return event.alert.raised_ms if isinstance(event, Raised) else event.at_ms


def _same_episode(earlier: Alert, later: Alert) -> bool:
    """The same cause at the same priority, at the same time or while the other was open."""
    if (earlier.cause, earlier.priority) != (later.cause, later.priority):
        return False
    return earlier.raised_ms <= _end_ms(later) and later.raised_ms <= _end_ms(earlier)


def _end_ms(alert: Alert) -> int:
    return END_MS if alert.cleared_ms is None else alert.cleared_ms


def _revise(alert: Alert, now_ms: int) -> Alert:
    revised = copy(alert)
    revised.revised = True
    revised.cleared_ms = min(_end_ms(alert), now_ms)
    return revised
