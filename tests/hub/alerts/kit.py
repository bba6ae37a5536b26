"""Short ways to write readings, days and cases."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from koffert_hub.alerts.case import Case, case_of
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.records import (
    Alert,
    Kind,
    Patient,
    PatientBaseline,
    Reading,
    Session,
    Symptoms,
    Value,
)
from koffert_hub.alerts.rules import RuleSet, load_rules

RULES_FILE = Path(__file__).resolve().parents[3] / "config" / "rules" / "copd-follow-up.toml"
USUAL = PatientBaseline(91.0, 1.5, 80.0, 6.0, 1.20, 0.10)
SCALE_2 = Patient(spo2_scale=2, target_low_pct=88, target_high_pct=92, baseline=USUAL)

_SYMPTOM_LETTERS = {
    "B": "breathlessness_worse",
    "S": "sputum_more",
    "P": "sputum_colour",
    "c": "cough",
    "w": "wheeze",
    "k": "cold",
    "f": "fever",
}


@cache
def rules() -> RuleSet:
    """The rule set that comes along."""
    return load_rules(RULES_FILE)


def case(patient: Patient = SCALE_2) -> Case:
    """A patient under it."""
    return case_of(rules(), patient)


def at(day: int, clock: str = "08:00") -> int:
    """A wall-clock time on day `day` of November 2026, in Oslo."""
    hour, minute, *second = map(int, clock.split(":"))
    moment = datetime(2026, 11, day, hour, minute, second[0] if second else 0, tzinfo=OSLO)
    return int(moment.timestamp() * 1_000)


def reading(kind: str, value: Value, measured_ms: int, **more: Any) -> Reading:
    """A good reading that arrived at once, unless told otherwise."""
    identity = more.pop("id", f"{kind}-{measured_ms}")
    arrived_ms = more.pop("arrived_ms", measured_ms)
    return Reading(measured_ms, identity, arrived_ms, Kind(kind), value, **more)


def diary(letters: str) -> Symptoms:
    """`B`reathless, more `S`putum, `P`urulent, `c`ough, `w`heeze, cold (`k`), `f`ever; `-` is none."""
    return Symptoms(**{_SYMPTOM_LETTERS[letter]: True for letter in letters.strip("-")})


def session(text: str) -> Session:
    """`1.20/A`: litres and grade."""
    litres, _, grade = text.partition("/")
    return Session(float(litres), grade)


def colours(alerts: list[Alert]) -> list[str]:
    """Each alert as `priority cause`."""
    return [f"{alert.priority} {alert.cause}" for alert in alerts]
