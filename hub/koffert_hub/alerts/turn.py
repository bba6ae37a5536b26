"""One turn of the engine: the state, the moment, and the only ways in which a cause changes its level."""

from collections.abc import Callable
from itertools import chain

from msgspec import structs

from koffert_hub.alerts.baseline import shown
from koffert_hub.alerts.case import Case
from koffert_hub.alerts.records import (
    PRIORITIES,
    Alert,
    Eased,
    Event,
    Finding,
    Kind,
    Level,
    Number,
    Raised,
    Reading,
)
from koffert_hub.alerts.scores import Observations, news2
from koffert_hub.alerts.state import Awaited, State, Track
from koffert_hub.alerts.texts import sentences

# A value older than this says nothing of the patient now, and stays out of the partial score.
_SCORE_WITHIN_MS = 24 * 3_600_000


class Turn:
    """What the rules see and do while one reading or timer is handled."""

    __slots__ = ("case", "events", "late", "now_ms", "state")

    def __init__(self, case: Case, state: State, now_ms: int, *, late: bool = False) -> None:
        self.case = case
        self.state = state
        self.now_ms = now_ms
        self.late = late
        self.events: list[Event] = []

    def observe(
        self,
        cause: str,
        level: Level,
        find: Callable[[], Finding],
        *,
        step_down_ms: int = 0,
    ) -> None:
        """A cause now stands at `level`: a step up raises, a step down waits for `step_down_ms`."""
        track = self.state.tracks.get(cause)
        if track is None:
            if level is Level.NONE:
                return
            track = self.state.tracks[cause] = Track()
        if level > track.level:
            track.level, track.falls_ms = level, None
            self._raise(cause, level, find())
        elif level == track.level:
            track.falls_ms = None
        elif step_down_ms:
            self.fall(cause, level, step_down_ms)
        else:
            track.falls_to = level
            self.ease(cause, track, self.now_ms)

    def fall(self, cause: str, level: Level, step_down_ms: int) -> None:
        """Let a cause fall to `level` unless it returns within `step_down_ms`."""
        track = self.state.tracks[cause]
        track.falls_to = level
        if track.falls_ms is None:
            track.falls_ms = self.now_ms + step_down_ms
            self.arm(track.falls_ms)

    def ease(self, cause: str, track: Track, at_ms: int) -> None:
        """The milder level has held: step down, or clear and forget the cause."""
        track.level, track.falls_ms = track.falls_to, None
        if track.level is Level.NONE:
            del self.state.tracks[cause]
        self.events.append(Eased(cause, track.level, at_ms))

    def wait(self, cause: str, awaited: Awaited) -> None:
        """Remember what waits for a confirmation or an answer."""
        self.state.awaited[cause] = awaited
        self.arm(awaited.until_ms)

    def arm(self, due_ms: int) -> None:
        """Let the engine look at its timers at `due_ms` at the latest."""
        armed_ms = self.state.next_due_ms
        self.state.next_due_ms = due_ms if armed_ms is None else min(armed_ms, due_ms)

    def awaited_for(self, reading: Reading, value: float, wait_ms: int) -> Awaited:
        """`reading` as something that waits from now."""
        return Awaited(self.now_ms, self.now_ms + wait_ms, value, reading.id, self.late)

    def _raise(self, cause: str, level: Level, finding: Finding) -> None:
        inputs = finding.inputs | self._partial_score()
        baseline = shown(self.state.baseline) if self.state.baseline else {}
        finding = structs.replace(finding, baseline=baseline | finding.baseline)
        text_nb, text_en = sentences(finding, self.case.rules.version, late=self.late)
        if level >= Level.YELLOW:
            freeze_days = self.case.rules.baseline.freeze_after_days
            self.state.frozen_until_day = self.state.today.number + freeze_days
        self.events.append(
            Raised(
                Alert(
                    self.now_ms,
                    PRIORITIES[level],
                    cause,
                    finding.rule,
                    self.case.rules.version,
                    inputs,
                    finding.limits,
                    finding.baseline,
                    text_nb,
                    text_en,
                    finding.readings,
                    self.late,
                )
            )
        )

    def _partial_score(self) -> dict[str, Number]:
        """The partial NEWS2 of the newest values, labelled with how many of the seven it has."""
        seen = {
            kind.value: latest.value
            for kind, latest in self.state.latest.items()
            if self.now_ms - latest.at_ms <= _SCORE_WITHIN_MS
        }
        spo2 = self.state.latest.get(Kind.SPO2)
        score = news2(
            Observations(
                respiratory_rate_bpm=_number(seen.get("respiratory_rate")),
                spo2_pct=_number(seen.get("spo2")),
                spo2_scale=self.case.patient.spo2_scale,
                on_oxygen=spo2.on_oxygen if spo2 and "spo2" in seen else None,
                systolic_mmhg=_number(seen.get("systolic")),
                pulse_bpm=_number(seen.get("pulse")),
                acvpu=str(seen["consciousness"]) if "consciousness" in seen else None,
                temperature_c=_number(seen.get("temperature")),
            )
        )
        return {"partial_news2": score.score, "partial_news2_parameters": score.parameters}


def next_due_ms(state: State) -> int | None:
    """When the earliest of the state's timers is due."""
    waiting = (awaited.until_ms for awaited in state.awaited.values())
    falling = (track.falls_ms for track in state.tracks.values() if track.falls_ms is not None)
    return min(chain(waiting, falling), default=None)


def _number(value: float | str | None) -> float | None:
    return value if isinstance(value, int | float) else None
