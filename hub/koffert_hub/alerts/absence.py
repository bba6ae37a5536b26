"""Layer 4: no data. Judged by when things arrived, because that is all the hub can know of silence."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.records import NO_DATA, Alert, Finding, Priority
from koffert_hub.alerts.rules import RuleSet
from koffert_hub.alerts.texts import sentences


def deadline_ms(rules: RuleSet, last_arrival_ms: int) -> int:
    """When silence after `last_arrival_ms` becomes an alert."""
    absence = rules.absence
    return last_arrival_ms + int(absence.after_h * 3_600_000 + absence.grace_min * 60_000)


def absences(rules: RuleSet, arrivals_ms: Iterable[int], until_ms: int) -> list[Alert]:
    """The silences after these arrivals that lasted too long, each ended by what came next.

    The last one is open if it was too long at `until_ms`, the end of what is known.
    """
    heard_ms = sorted(arrivals_ms)
    silences = [
        no_data(rules, last_ms, cleared_ms=next_ms)
        for last_ms, next_ms in pairwise(heard_ms)
        if next_ms > deadline_ms(rules, last_ms)
    ]
    if heard_ms and until_ms > deadline_ms(rules, heard_ms[-1]):
        silences.append(no_data(rules, heard_ms[-1]))
    return silences


def no_data(rules: RuleSet, last_arrival_ms: int, *, cleared_ms: int | None = None) -> Alert:
    """The blue alert for silence since `last_arrival_ms`."""
    due_ms = deadline_ms(rules, last_arrival_ms)
    finding = Finding(
        "no-data",
        {"last_arrival": _clock(last_arrival_ms), "deadline": _clock(due_ms)},
        {"after_h": rules.absence.after_h, "grace_min": rules.absence.grace_min},
    )
    text_nb, text_en = sentences(finding, rules.version)
    return Alert(
        due_ms,
        Priority.BLUE,
        NO_DATA,
        finding.rule,
        rules.version,
        finding.inputs,
        finding.limits,
        {},
        text_nb,
        text_en,
        cleared_ms=cleared_ms,
    )


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, OSLO):%d.%m. %H:%M}"
