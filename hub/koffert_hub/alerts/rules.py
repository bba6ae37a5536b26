"""Rule sets: TOML, read whole and checked; who signed which content.

A signature names the digest of the content that was signed, so an edited set is unsigned again.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, NewType

import msgspec
from msgspec import Meta, Struct

from koffert_wire.toml_place import fault_of, line_of

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Version = Annotated[str, Meta(pattern=r"^\d+\.\d+\.\d+$")]
# Waiting longer for a repeat would delay a red: not a matter of taste, so no rule set may say more.
Wait = Annotated[float, Meta(gt=0, le=10)]
# The digest of a content that a doctor has signed: only `RuleSet.signed_digest` makes one.
SignedDigest = NewType("SignedDigest", str)


class RuleProblem(Struct, frozen=True):
    """One thing wrong in a rule file: where, which key (dotted; empty for the whole file), and why."""

    file: str
    key: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        file = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{file}: {self.key or 'the file'}: {self.reason}"


class RulesError(Exception):
    """A rule file cannot be used; nothing is evaluated by it."""

    def __init__(self, problems: list[RuleProblem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: every key must be there, and no other."""


class Quality(_Section, frozen=True, kw_only=True):
    """Layer 0: what counts as a value, and what as late."""

    minimum: Share
    late_after_min: Positive


class Confirmation(_Section, frozen=True, kw_only=True):
    """How a red reading is confirmed, and when failed attempts are told."""

    repeat_after_min: Positive
    wait_at_most_min: Wait
    repeat_apart_s: Positive
    failed_attempts: Count
    attempts_within_min: Positive
    attempt_apart_s: Positive


class Saturation(_Section, frozen=True, kw_only=True):
    """Limits of one NEWS2 scale; both are inclusive."""

    floor_pct: Percent
    yellow_pct: Percent


class Vitals(_Section, frozen=True, kw_only=True):
    """Layers 1 and 1b; all limits are inclusive."""

    spo2_high_on_oxygen_pct: Percent
    pulse_low_bpm: Positive
    pulse_yellow_bpm: Positive
    pulse_high_bpm: Positive
    respiratory_rate_low_bpm: Positive
    respiratory_rate_yellow_bpm: Positive
    respiratory_rate_high_bpm: Positive
    usual_sd: Positive
    step_down_min: Positive


class Call(_Section, frozen=True, kw_only=True):
    """The call button."""

    unanswered_s: Annotated[float, Meta(gt=0, le=60)]
    forgotten_after_min: Positive


class Trend(_Section, frozen=True, kw_only=True):
    """Layer 2: bad days."""

    composite_z: Positive
    days: Count
    of_days: Annotated[int, Meta(ge=1, le=7)]
    majors: Annotated[int, Meta(ge=1, le=3)]
    majors_at_once: Annotated[int, Meta(ge=1, le=3)]
    step_down_h: Positive


class Course(_Section, frozen=True, kw_only=True):
    """The course after discharge, in civil days."""

    by_day: Count
    until_day: Count
    watch_days: Count
    worse_by: Count
    worse_at_once_by: Count
    composite_strong_z: Positive


class Support(_Section, frozen=True, kw_only=True):
    """Layer 3: raises one step, never alone to red."""

    fev1_fall_l: Positive
    fev1_fall_sd: Positive
    fev1_sessions: Count
    fev1_grades: tuple[Annotated[str, Meta(pattern="^[A-F]$")], ...]
    fev1_own_sessions: Count
    respiratory_rate_rise_bpm: Positive
    respiratory_rate_strong_bpm: Positive
    respiratory_rate_own_days: Count
    cat_rise: Positive
    reliever_rise_doses: Positive


class BaselineRules(_Section, frozen=True, kw_only=True):
    """How the personal baseline is learnt."""

    days: Annotated[int, Meta(ge=7, le=14)]
    prior_days: Positive
    own_days_usual: Count
    freeze_after_days: Annotated[int, Meta(ge=0)]
    spo2_prior_scale_1_pct: Percent
    spo2_prior_scale_2_pct: Percent
    spo2_prior_sd_pct: Positive
    spo2_sd_floor_pct: Positive
    spo2_sd_cap_pct: Positive
    pulse_prior_bpm: Positive
    pulse_prior_sd_bpm: Positive
    pulse_sd_floor_bpm: Positive
    pulse_sd_cap_bpm: Positive
    fev1_sd_l: Positive


class Absence(_Section, frozen=True, kw_only=True):
    """Layer 4: no data."""

    after_h: Positive
    grace_min: Positive


class Escalation(_Section, frozen=True, kw_only=True):
    """What a person who does not answer sets off."""

    red_after_s: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    snooze_at_most_h: Positive
    audio_pause_at_most_s: Positive


class Signature(_Section, frozen=True, kw_only=True):
    """A doctor vouches for the content with this digest."""

    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    doctor: Annotated[str, Meta(min_length=1)]
    signed_at: Annotated[datetime, Meta(tz=True)]


class RuleSet(_Section, frozen=True, kw_only=True):
    """A whole rule file."""

    name: Name
    version: Version
    quality: Quality
    confirmation: Confirmation
    spo2_scale_1: Saturation
    spo2_scale_2: Saturation
    vitals: Vitals
    call: Call
    trend: Trend
    course: Course
    support: Support
    baseline: BaselineRules
    absence: Absence
    escalation: Escalation
    signature: tuple[Signature, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over the content without signatures, in hex."""
        content = msgspec.structs.replace(self, signature=())
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Those that hold for this content; without one, every number is a placeholder."""
        return tuple(mark for mark in self.signature if mark.digest == self.digest)

    @property
    def signed_digest(self) -> SignedDigest | None:
        """The digest if a doctor has signed this content: what a loan may begin on."""
        return SignedDigest(self.digest) if self.signatures else None


def load_rules(path: Path) -> RuleSet:
    """The rule set in a file; raises RulesError, which names file, key and reason."""
    try:
        text = path.read_text(encoding="utf-8")
        rules = msgspec.toml.decode(text, type=RuleSet)
    except OSError as error:
        raise RulesError([RuleProblem(str(path), "", error.strerror or str(error))]) from error
    except msgspec.ValidationError as error:
        place, reason = fault_of(str(error))
        raise RulesError([RuleProblem(str(path), place, reason, line_of(text, place))]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RulesError([RuleProblem(str(path), "", str(error))]) from error
    problems = [
        RuleProblem(str(path), key, reason, line_of(text, key))
        for key, reason in _contradictions(rules)
    ]
    if problems:
        raise RulesError(problems)
    return rules


def _contradictions(rules: RuleSet) -> Iterator[tuple[str, str]]:
    """Limits that do not fit each other, as (key, reason)."""
    vitals, base, support = rules.vitals, rules.baseline, rules.support
    ordered: tuple[tuple[str, float, str, float], ...] = (
        ("spo2_scale_1.floor_pct", rules.spo2_scale_1.floor_pct,
         "spo2_scale_1.yellow_pct", rules.spo2_scale_1.yellow_pct),
        ("spo2_scale_2.floor_pct", rules.spo2_scale_2.floor_pct,
         "spo2_scale_2.yellow_pct", rules.spo2_scale_2.yellow_pct),
        ("vitals.pulse_low_bpm", vitals.pulse_low_bpm,
         "vitals.pulse_yellow_bpm", vitals.pulse_yellow_bpm),
        ("vitals.pulse_yellow_bpm", vitals.pulse_yellow_bpm,
         "vitals.pulse_high_bpm", vitals.pulse_high_bpm),
        ("vitals.respiratory_rate_low_bpm", vitals.respiratory_rate_low_bpm,
         "vitals.respiratory_rate_yellow_bpm", vitals.respiratory_rate_yellow_bpm),
        ("vitals.respiratory_rate_yellow_bpm", vitals.respiratory_rate_yellow_bpm,
         "vitals.respiratory_rate_high_bpm", vitals.respiratory_rate_high_bpm),
        ("confirmation.repeat_after_min", rules.confirmation.repeat_after_min,
         "confirmation.wait_at_most_min", rules.confirmation.wait_at_most_min),
        ("trend.days", rules.trend.days, "trend.of_days", rules.trend.of_days),
        ("trend.majors", rules.trend.majors, "trend.majors_at_once", rules.trend.majors_at_once),
        ("course.by_day", rules.course.by_day, "course.until_day", rules.course.until_day),
        ("baseline.spo2_sd_floor_pct", base.spo2_sd_floor_pct,
         "baseline.spo2_sd_cap_pct", base.spo2_sd_cap_pct),
        ("baseline.pulse_sd_floor_bpm", base.pulse_sd_floor_bpm,
         "baseline.pulse_sd_cap_bpm", base.pulse_sd_cap_bpm),
        ("support.respiratory_rate_rise_bpm", support.respiratory_rate_rise_bpm,
         "support.respiratory_rate_strong_bpm", support.respiratory_rate_strong_bpm),
    )  # fmt: skip
    for low_key, low, high_key, high in ordered:
        if low > high:
            yield low_key, f"{low:g} is above {high_key} ({high:g})"
    if list(rules.escalation.red_after_s) != sorted(rules.escalation.red_after_s):
        yield "escalation.red_after_s", "the times must rise"
