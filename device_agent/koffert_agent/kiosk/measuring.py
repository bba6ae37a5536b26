"""What the meter's numbers amount to while the clip is on: hold still, so many seconds left, a result. Pure."""

from statistics import median
from typing import NamedTuple

import msgspec
from msgspec import Struct

from koffert_agent.kiosk.records import Numbers
from koffert_wire.commands import BoxSettings

# A value counts once it has been steady for this long (clinical rule set, layer 0).
STEADY_S = 10.0
# Steady is within this many points; a hand at rest moves less.
_SPREAD_PCT = 3.0
# Numbers come once a second; a longer silence breaks the row, and a still longer one means an empty clip.
_GAP_S = 3.0
SILENT_S = 6.0
# How long one try may last: without a single good number, and in all.
_NOTHING_S = 30.0
_TRY_S = 60.0

# The rule set's limits for scale 1, which are the wider ones.
_CAUTIOUS_SPO2_PCT = 87.0
_CAUTIOUS_PULSE_BPM = (40.0, 131.0)

_OFF = {"no-finger", "no-contact", "sensor-disconnected", "sensor-displaced"}
_DOUBTFUL = {
    "searching",
    "artefact",
    "out-of-track",
    "low-perfusion",
    "weak-signal",
    "erratic-signal",
    "questionable",
    "questionable-pulse",
    "movement",
}
_MOVING = {"artefact", "movement", "erratic-signal", "out-of-track"}
_COLD = {"low-perfusion", "marginal-perfusion", "weak-signal"}


class Sample(NamedTuple):
    """One good second."""

    at_s: float
    spo2_pct: float
    pulse_bpm: float | None
    reading: bytes


class Result(Struct, frozen=True):
    """What is shown and said; `reading` is the last one that it rests on."""

    spo2_pct: int
    pulse_bpm: int | None
    reading: bytes


class Watch(Struct, frozen=True):
    """What has been seen of the clip. `since_s` is when the finger went in, `flags` stood last."""

    finger: bool = False
    since_s: float = 0.0
    heard_s: float = 0.0
    flags: tuple[str, ...] = ()
    steady: tuple[Sample, ...] = ()

    def left_s(self) -> int:
        """Seconds of good signal still needed."""
        return max(0, round(STEADY_S - self._held_s()))

    def result(self) -> Result | None:
        """The result, once it has been steady for long enough."""
        if not self.steady or self._held_s() < STEADY_S:
            return None
        pulses = [sample.pulse_bpm for sample in self.steady if sample.pulse_bpm is not None]
        return Result(
            spo2_pct=round(median(sample.spo2_pct for sample in self.steady)),
            pulse_bpm=round(median(pulses)) if pulses else None,
            reading=self.steady[-1].reading,
        )

    def is_lost(self, now_s: float) -> bool:
        """Whether this try will come to nothing."""
        tried_s = now_s - self.since_s
        return tried_s > _TRY_S or (tried_s > _NOTHING_S and not self.steady)

    def advice(self) -> str:
        """What would help now: the name of a sentence."""
        if self.steady:
            return "counting"
        if _MOVING & set(self.flags):
            return "still"
        return "cold" if _COLD & set(self.flags) else "searching"

    def again(self, now_s: float) -> "Watch":
        """The same clip, a new try."""
        return msgspec.structs.replace(self, since_s=now_s, steady=())

    def _held_s(self) -> float:
        return self.steady[-1].at_s - self.steady[0].at_s if self.steady else 0.0


def observe(watch: Watch, numbers: Numbers, now_s: float) -> Watch:
    """What is known after one more reading of an oximeter."""
    finger = not _OFF & set(numbers.flags)
    steady = _steady(watch.steady, numbers, now_s) if finger else ()
    since_s = watch.since_s if watch.finger and finger else now_s
    return Watch(finger, since_s, now_s, numbers.flags, steady)


def listen(watch: Watch, now_s: float) -> Watch:
    """What is known when nothing has come: a meter that is silent holds no finger."""
    return Watch() if watch.finger and now_s - watch.heard_s > SILENT_S else watch


def is_low(result: Result, told: BoxSettings | None) -> bool:
    """Whether the hub would call it red, and it must be taken once more.

    Where the hub has said nothing the floors are those of patients who retain no carbon dioxide: one reading
    too many is asked for, never one too few.
    """
    spo2_pct = told.spo2_floor_pct if told else _CAUTIOUS_SPO2_PCT
    low_bpm, high_bpm = (told.pulse_low_bpm, told.pulse_high_bpm) if told else _CAUTIOUS_PULSE_BPM
    pulse_bpm = result.pulse_bpm
    return result.spo2_pct <= spo2_pct or (
        pulse_bpm is not None and not low_bpm < pulse_bpm < high_bpm
    )


def _steady(before: tuple[Sample, ...], numbers: Numbers, now_s: float) -> tuple[Sample, ...]:
    if numbers.spo2_pct is None or numbers.quality <= 0 or _DOUBTFUL & set(numbers.flags):
        return ()
    sample = Sample(now_s, numbers.spo2_pct, numbers.pulse_bpm, numbers.id)
    if numbers.spot:
        # A spot meter has done its own waiting: its one number stands for a steady row.
        return (sample._replace(at_s=now_s - STEADY_S), sample)
    row = [*before, sample] if before and now_s - before[-1].at_s <= _GAP_S else [sample]
    while max(s.spo2_pct for s in row) - min(s.spo2_pct for s in row) > _SPREAD_PCT:
        row.pop(0)
    return tuple(s for s in row if now_s - s.at_s <= STEADY_S + _GAP_S)
