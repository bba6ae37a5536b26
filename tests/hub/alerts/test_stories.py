"""Cases that a person would argue about, told day by day with the expected colours."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from koffert_hub.alerts.records import DeviceProblem, Patient, PatientBaseline, Reading
from koffert_hub.alerts.replay import Ledger
from tests.hub.alerts.kit import USUAL, at, case, colours, diary, reading, session

STORIES = msgspec.toml.decode(Path(__file__).with_name("stories.toml").read_bytes())["story"]
_FIELD = re.compile(r"(?P<name>\w+)=(?P<value>[^\s!*+]+)(?P<marks>\S*)")
_KINDS = {"rr": "respiratory_rate", "acvpu": "consciousness", "call": "call_button"}


def patient_of(story: dict[str, Any]) -> Patient:
    discharged = story.get("discharged")
    return Patient(
        spo2_scale=story.get("scale", 2),
        target_low_pct=88,
        target_high_pct=92,
        discharged_ms=None if discharged is None else at(discharged, "12:00"),
        baseline=USUAL if story.get("usual", True) else PatientBaseline(),
    )


def reading_of(match: re.Match[str], measured_ms: int) -> Reading:
    name, text, marks = match["name"], match["value"], match["marks"]
    match name:
        case "diary":
            return reading("diary", diary(text), measured_ms)
        case "blow":
            return reading("spirometry", session(text), measured_ms)
        case "device":
            problem = None if text == "none" else text
            return reading("device", DeviceProblem(problem), measured_ms)
        case "acvpu":
            return reading("consciousness", text, measured_ms)
        case _:
            return reading(
                _KINDS.get(name, name),
                float(text),
                measured_ms,
                quality=0.1 if "!" in marks else 0.95,
                at_rest="*" not in marks,
                oxygen_l_min=1.0 if "+O2" in marks else 0.0,
            )


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["title"])
def test_story(story: dict[str, Any]) -> None:
    ledger = Ledger(case(patient_of(story)))
    seen = 0
    for line in story["lines"]:
        happens, _, expected = line.partition("|")
        day, clock, *_ = happens.split()
        now_ms = at(int(day), clock)
        ledger.tick(now_ms)
        for match in _FIELD.finditer(happens):
            ledger.arrive(reading_of(match, now_ms))
        raised = colours(ledger.alerts)[seen:]
        seen += len(raised)
        assert " and ".join(raised) == expected.strip().strip("-"), line
    assert not any(alert.revised for alert in ledger.alerts)


def test_every_story_says_why() -> None:
    assert len(STORIES) >= 20
    assert all(story["why"] for story in STORIES)
