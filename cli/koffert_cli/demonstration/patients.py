"""Who lies in the demonstration's ward, and how they breathe: a pure function of time and seed."""

from math import pi, sin
from random import Random

from msgspec import Struct

from koffert_drivers.simulated.physiology import Effort, Physiology

# COPD patients after a hospital stay: most live at 88-92 %, with a pulse above a healthy person's.
RESTING_SPO2_PCT = (89.0, 95.0)
RESTING_PULSE_BPM = (68.0, 92.0)
# Slow enough to look like breathing and rest, fast enough that a visitor sees the numbers move.
SWING_S = (40.0, 90.0)


# Somebody at the patient's screen need not wait long for the next blow; one of three is too short, for the hint.
_BLOWS = (Effort.GOOD, Effort.GOOD, Effort.SHORT)
_BLOW_EVERY_S, _BLOW_S = 15.0, 8.0


class Story(Struct, frozen=True):
    """Something that happens to one patient once in each `every_s`, from `from_s` to `until_s` in it."""

    every_s: float
    from_s: float
    until_s: float
    spo2_drop_pct: float = 0.0
    pulse_rise_bpm: float = 0.0
    finger_off: bool = False

    def happens(self, elapsed_s: float) -> bool:
        """Whether it happens at this moment."""
        return self.from_s <= elapsed_s % self.every_s < self.until_s


# Patient number (from 0) -> what a visitor should get to see of the dashboard.
STORIES: dict[int, Story] = {
    1: Story(every_s=120, from_s=45, until_s=85, spo2_drop_pct=9, pulse_rise_bpm=22),
    2: Story(every_s=90, from_s=30, until_s=50, finger_off=True),
}


class Patient(Struct, frozen=True):
    """One simulated patient's resting values and rhythm."""

    spo2_pct: float
    pulse_bpm: float
    swing_s: float
    phase: float
    pai_pct: float
    story: Story | None
    swing_pct: float = 1.0

    def at(self, elapsed_s: float) -> Physiology:
        """What an oximeter on this patient's finger finds after `elapsed_s`."""
        swing = sin(2 * pi * (elapsed_s / self.swing_s + self.phase))
        story = self.story if self.story is not None and self.story.happens(elapsed_s) else None
        drop_pct = story.spo2_drop_pct if story else 0.0
        rise_bpm = story.pulse_rise_bpm if story else 0.0
        return Physiology(
            spo2_pct=round(self.spo2_pct + self.swing_pct * swing - drop_pct),
            pulse_bpm=round(self.pulse_bpm - 3 * self.swing_pct * swing + rise_bpm),
            finger_on=not (story and story.finger_off),
            pai_pct=self.pai_pct,
        )


def effort_at(elapsed_s: float) -> Effort:
    """What somebody with a flow sensor in the mouth does at this moment."""
    number, within_s = divmod(elapsed_s, _BLOW_EVERY_S)
    return _BLOWS[int(number) % len(_BLOWS)] if within_s < _BLOW_S else Effort.REST


def ward(count: int, seed: int) -> list[Patient]:
    """`count` patients, the same ones for the same seed."""
    random = Random(seed)  # noqa: S311 - a simulation, not a secret
    return [_patient(random, STORIES.get(number)) for number in range(count)]


def _patient(random: Random, story: Story | None) -> Patient:
    return Patient(
        spo2_pct=random.uniform(*RESTING_SPO2_PCT),
        pulse_bpm=random.uniform(*RESTING_PULSE_BPM),
        swing_s=random.uniform(*SWING_S),
        phase=random.random(),
        pai_pct=round(random.uniform(0.8, 6.0), 1),
        story=story,
    )
