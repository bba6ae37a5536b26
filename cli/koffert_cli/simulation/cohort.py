"""A labelled, simulated cohort of lent suitcases: what is assumed, and the readings that follow from it.

Labels come from the latent event alone, never from what the diary says of it. Every number is an assumption
with its source in docs/explanation/alert-cohort.md; nothing here is evidence of a clinical effect.
"""

from datetime import UTC, datetime
from math import exp
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from koffert_hub.alerts.records import (
    Kind,
    Patient,
    PatientBaseline,
    Reading,
    Session,
    Symptoms,
    Value,
)

DAY_MS = 86_400_000
MINUTE_MS = 60_000
LOAN_DAYS = 14
# 07:00 UTC: 08:00 in Oslo in November, well away from midnight and from a change of clocks.
START_MS = int(datetime(2026, 11, 2, 7, tzinfo=UTC).timestamp() * 1_000)
SYMPTOMS = Symptoms.__struct_fields__
_MAJORS = 3


class Assumptions(Struct, frozen=True, kw_only=True):
    """What the cohort is made of; probabilities are per day unless said otherwise."""

    scale_2_share: float = 0.5
    baseline_set_share: float = 1.0
    baseline_error_sd: float = 0.41  # in the patient's own SD: the mean of six readings
    spo2_scale_1_pct: float = 94.0
    spo2_scale_1_sd: float = 1.4
    spo2_scale_2_pct: float = 90.0
    spo2_scale_2_sd: float = 1.0
    spo2_within_sd: float = 1.3
    pulse_between_sd: float = 9.0
    pulse_within_sd: float = 5.0
    event_share: float = 0.20  # of loans with a new exacerbation
    spo2_fall: float = 3.0
    pulse_rise: float = 12.0
    ramp_days: float = 5.0
    major_share: float = 0.70  # of majors that an event brings along
    minor_share: float = 0.45
    reported_share: float = 0.85  # of present symptoms that the diary names, each day
    false_symptom: float = 0.02  # of absent symptoms that it names all the same
    recovery_days: float = 2.5  # time constant of what is left at discharge
    recovery_spo2: float = 0.5
    recovery_pulse: float = 2.0
    recovery_symptoms: float = 0.08  # chance of each symptom to be worse than usual at discharge
    missed_days: float = 0.12
    missed_diary: float = 0.05
    finger_out: float = 0.05  # attempts with a bad signal, per session
    artefacts: float = 0.003  # good-looking readings that are wrong, per session
    repeats_done: float = 0.85  # of requests that the patient follows
    device_swap_share: float = 0.05  # of loans
    device_offset_sd: float = 1.0
    fev1_sessions: float = 0.4
    fev1_fall_l: float = 0.15
    respiratory_rate_share: float = 0.10  # of sessions in which somebody counts breaths


class Loan(Struct, frozen=True):
    """One lent suitcase: what the hub is told, what it receives, and the truth.

    `onset_day` is the latent event's first day, None for a stable loan; `symptom_defined` says whether its
    latent symptoms meet the definition on two days in a row. `came_home_unwell`: they did so from what was
    left of the stay in hospital, so the loan is neither stable nor a new event.
    """

    patient: Patient
    readings: list[Reading]
    onset_day: int | None
    symptom_defined: bool
    came_home_unwell: bool


def day_of(at_ms: int) -> int:
    """The day of the loan that holds a moment."""
    return (at_ms - START_MS + 8 * 3_600_000) // DAY_MS


class Vitals(NamedTuple):
    """What a continuous oximeter finds at one moment."""

    spo2_pct: float
    pulse_bpm: float


class Course:
    """One patient at one day of the loan, to be measured as often as one likes.

    `severity` is the label: how far the latent event has come on that day, 0 for none.
    """

    def __init__(self, assume: Assumptions, random: np.random.Generator, day: int) -> None:
        self._maker = _Maker(assume, random)
        self._day = day
        self.onset_day = self._maker.onset
        self.severity = self._maker.severity(day)

    def vitals(self) -> Vitals:
        """One reading, with the patient's own spread."""
        return self._maker.draw_vitals(self._day)


def make_loan(assume: Assumptions, random: np.random.Generator) -> Loan:
    """One loan; the same generator state gives the same loan."""
    return _Maker(assume, random).make()


class _Maker:
    """Draws one patient and walks through the fortnight."""

    def __init__(self, assume: Assumptions, random: np.random.Generator) -> None:
        self.assume = assume
        self.random = random
        scale_2 = self.happens(assume.scale_2_share)
        self.scale = 2 if scale_2 else 1
        middle, spread = (
            (assume.spo2_scale_2_pct, assume.spo2_scale_2_sd)
            if scale_2
            else (assume.spo2_scale_1_pct, assume.spo2_scale_1_sd)
        )
        self.spo2_pct = float(np.clip(random.normal(middle, spread), 88, 98))
        self.pulse_bpm = float(np.clip(random.normal(82, assume.pulse_between_sd), 58, 104))
        self.rate_bpm = float(random.normal(17, 1.5))
        self.fev1_l = float(np.clip(random.normal(1.1, 0.4), 0.4, 2.5))
        self.onset = int(random.integers(3, 12)) if self.happens(assume.event_share) else None
        self.present = self._latent_symptoms()
        self.swap = int(random.integers(2, 12)) if self.happens(assume.device_swap_share) else 99
        self.offset = float(random.normal(0, assume.device_offset_sd))
        self.lingers_days = [
            float(random.exponential(assume.recovery_days))
            if self.happens(assume.recovery_symptoms)
            else 0.0
            for _ in SYMPTOMS
        ]
        self.readings: list[Reading] = []

    def make(self) -> Loan:
        for day in range(LOAN_DAYS):
            if not self.happens(self.assume.missed_days):
                self._session(day)
        first_bad = self._first_symptom_defined_day()
        unwell = first_bad is not None and (self.onset is None or first_bad < self.onset)
        defined = self.onset is not None and first_bad is not None
        return Loan(self._patient(), self.readings, self.onset, defined, unwell)

    def happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _latent_symptoms(self) -> list[bool]:
        chances = [self.assume.major_share] * _MAJORS + [self.assume.minor_share] * 4
        return [self.happens(chance) for chance in chances]

    def _first_symptom_defined_day(self) -> int | None:
        """The first of two days in a row on which the latent symptoms meet the definition.

        That may be the day of discharge: who comes home unwell is not stable.
        """
        for day in range(LOAN_DAYS - 1):
            if self._meets_definition(day) and self._meets_definition(day + 1):
                return day
        return None

    def _meets_definition(self, day: int) -> bool:
        there = [self._is_present(place, day) for place in range(len(SYMPTOMS))]
        majors, minors = sum(there[:_MAJORS]), sum(there[_MAJORS:])
        return majors >= 2 or (majors == 1 and minors >= 1)

    def _is_present(self, place: int, day: int) -> bool:
        ill = self.severity(day) > 0 and self.present[place]
        return ill or day < self.lingers_days[place]

    def _patient(self) -> Patient:
        baseline = PatientBaseline()
        if self.happens(self.assume.baseline_set_share):
            error = self.assume.baseline_error_sd
            baseline = PatientBaseline(
                spo2_mean_pct=self.spo2_pct
                + self.random.normal(0, error * self.assume.spo2_within_sd),
                spo2_sd_pct=self.assume.spo2_within_sd,
                pulse_mean_bpm=self.pulse_bpm
                + self.random.normal(0, error * self.assume.pulse_within_sd),
                pulse_sd_bpm=self.assume.pulse_within_sd,
            )
        low, high = (88, 92) if self.scale == 2 else (92, 96)
        return Patient(
            spo2_scale=self.scale,
            target_low_pct=low,
            target_high_pct=high,
            discharged_ms=START_MS - 6 * 3_600_000,
            baseline=baseline,
        )

    def severity(self, day: int) -> float:
        """How far the event has come, 0 to 1; treatment starts after the ramp and is not modelled."""
        if self.onset is None or day < self.onset:
            return 0.0
        return min((day - self.onset + 1) / self.assume.ramp_days, 1.0)

    def _left(self, day: int) -> float:
        """What is left of the stay in hospital."""
        return exp(-day / self.assume.recovery_days)

    def _session(self, day: int) -> None:
        at_ms = START_MS + day * DAY_MS + int(self.random.normal(0, 25)) * MINUTE_MS
        while self.happens(self.assume.finger_out):
            self._take(Kind.SPO2, at_ms, 0.0, quality=0.1)
            at_ms += 2 * MINUTE_MS
        self._vitals(day, at_ms)
        if self._asks_for_repeat() and self.happens(self.assume.repeats_done):
            self._vitals(day, at_ms + 5 * MINUTE_MS)
        if not self.happens(self.assume.missed_diary):
            self._take(Kind.DIARY, at_ms + 2 * MINUTE_MS, self._diary(day))
        if self.happens(self.assume.fev1_sessions):
            self._blow(day, at_ms + 180 * MINUTE_MS)

    def draw_vitals(self, day: int) -> Vitals:
        """One reading of that day."""
        severity, left = self.severity(day), self._left(day)
        spo2 = self.spo2_pct - self.assume.spo2_fall * severity - self.assume.recovery_spo2 * left
        spo2 += self.random.normal(0, self.assume.spo2_within_sd)
        spo2 += self.offset if day >= self.swap else 0
        if self.happens(self.assume.artefacts):
            spo2 -= self.random.uniform(5, 15)
        pulse = (
            self.pulse_bpm + self.assume.pulse_rise * severity + self.assume.recovery_pulse * left
        )
        pulse += self.random.normal(0, self.assume.pulse_within_sd)
        return Vitals(
            float(round(np.clip(spo2, 70, 100))),
            float(round(np.clip(pulse, 40, 160))),
        )

    def _vitals(self, day: int, at_ms: int) -> None:
        spo2_pct, pulse_bpm = self.draw_vitals(day)
        self._take(Kind.PULSE, at_ms, pulse_bpm)
        if self.happens(self.assume.respiratory_rate_share):
            rate = self.rate_bpm + 3.5 * self.severity(day) + self.random.normal(0, 1.2)
            self._take(Kind.RESPIRATORY_RATE, at_ms, float(round(rate)))
        self._take(Kind.SPO2, at_ms, spo2_pct)

    def _asks_for_repeat(self) -> bool:
        value = self.readings[-1].value
        return isinstance(value, float) and value <= (83 if self.scale == 2 else 87)

    def _diary(self, day: int) -> Symptoms:
        severity, left = self.severity(day), self._left(day)
        answers = []
        for place in range(len(SYMPTOMS)):
            there = severity > 0 and self.present[place]
            lingers = self.happens(self.assume.recovery_symptoms * left)
            chance = self.assume.reported_share if there or lingers else self.assume.false_symptom
            answers.append(self.happens(chance))
        return Symptoms(*answers)

    def _blow(self, day: int, at_ms: int) -> None:
        fall_l = self.assume.fev1_fall_l * self.severity(day)
        value = self.fev1_l - fall_l + self.random.normal(0, 0.105)
        # Unsupervised sessions: 17 % A, 41 % B, the rest spread (RALPMH).
        grade = str(self.random.choice(list("ABCDF"), p=[0.17, 0.41, 0.20, 0.12, 0.10]))
        self._take(Kind.SPIROMETRY, at_ms, Session(round(max(value, 0.2), 2), grade))

    def _take(self, kind: Kind, at_ms: int, value: Value, *, quality: float = 0.95) -> None:
        identity = f"{len(self.readings):04}"
        self.readings.append(
            Reading(at_ms, identity, at_ms + 2_000, kind, value, quality, oxygen_l_min=0.0)
        )
