"""What a doctor sets for one patient: a change on what stands, checked, settled from now on; and who set what."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from koffert_hub import tables
from koffert_hub.alerts.history import NoDoctor, Settled, settle, settled, settlements
from koffert_hub.alerts.records import Number, Patient, PatientBaseline, PatientLimits
from koffert_hub.registry import RegistryError

Limit = float | UnsetType | None


class ImpossibleSettings(ValueError):
    """The settings contradict each other, or no human being is like that; nothing is changed.

    `key` names the first setting that is wrong.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class Change(Struct, frozen=True, kw_only=True):
    """What is to be other than it stands: UNSET leaves it, None takes the rule set's or what is learnt."""

    spo2_scale: int | UnsetType = UNSET
    on_oxygen: bool | UnsetType = UNSET
    target_low_pct: Limit = UNSET
    target_high_pct: Limit = UNSET
    discharged_ms: int | UnsetType | None = UNSET
    spo2_floor_pct: Limit = UNSET
    pulse_low_bpm: Limit = UNSET
    pulse_high_bpm: Limit = UNSET
    respiratory_rate_low_bpm: Limit = UNSET
    respiratory_rate_high_bpm: Limit = UNSET
    spo2_mean_pct: Limit = UNSET
    spo2_sd_pct: Limit = UNSET
    pulse_mean_bpm: Limit = UNSET
    pulse_sd_bpm: Limit = UNSET
    fev1_mean_l: Limit = UNSET
    fev1_sd_l: Limit = UNSET


NO_CHANGE = Change()
SETTINGS = Change.__struct_fields__
# Outside these there is no such patient: a slip of the finger, which must not become a limit.
RANGES: dict[str, tuple[float, float]] = {
    "spo2_scale": (1, 2),
    "target_low_pct": (50, 100),
    "target_high_pct": (50, 100),
    "spo2_floor_pct": (50, 100),
    "pulse_low_bpm": (20, 100),
    "pulse_high_bpm": (60, 220),
    "respiratory_rate_low_bpm": (3, 20),
    "respiratory_rate_high_bpm": (12, 60),
    "spo2_mean_pct": (50, 100),
    "spo2_sd_pct": (0.1, 10),
    "pulse_mean_bpm": (30, 180),
    "pulse_sd_bpm": (0.1, 40),
    "fev1_mean_l": (0.1, 8),
    "fev1_sd_l": (0.01, 2),
}
# Of each two, the first must be below the second.
_ORDERED = (
    ("target_low_pct", "target_high_pct"),
    ("pulse_low_bpm", "pulse_high_bpm"),
    ("respiratory_rate_low_bpm", "respiratory_rate_high_bpm"),
)
# A mean says nothing without its spread, nor one end of a target without the other.
_TOGETHER = (
    ("target_low_pct", "target_high_pct"),
    ("spo2_mean_pct", "spo2_sd_pct"),
    ("pulse_mean_bpm", "pulse_sd_bpm"),
    ("fev1_mean_l", "fev1_sd_l"),
)


class Step(NamedTuple):
    """What one doctor changed at one moment: by setting, what was and what is."""

    at_ms: int
    doctor: str
    changed: dict[str, tuple[Number, Number]]


def only_given(**values: Any) -> Change:
    """A change of those that are not None, from where nothing given means nothing said."""
    return Change(**{key: value for key, value in values.items() if value is not None})


def prescribe(
    connection: sa.Connection, patient: str, change: Change, doctor: str, *, now_ms: int
) -> Patient:
    """Settle a change for a patient; returns what holds from now on. One that changes nothing is not kept.

    Raises RegistryError (no such patient), NoDoctor and ImpossibleSettings.
    """
    if not doctor.strip():
        raise NoDoctor("a patient's settings need a doctor's name")
    before = standing(connection, patient)
    settings = changed(before, change)
    if settings != before:
        settle(connection, patient, settings, doctor, now_ms=now_ms)
    return settings


def begin(
    connection: sa.Connection, patient: str, change: Change, doctor: str, *, now_ms: int
) -> None:
    """Settle what a loan begins with: the change, else the defaults unless a doctor's settings stand.

    A box that is swapped must not undo a doctor's target. Raises as `prescribe`.
    """
    if change != NO_CHANGE:
        prescribe(connection, patient, change, doctor, now_ms=now_ms)
    elif settled(connection, patient) is None:
        settle(connection, patient, Patient(), "", now_ms=now_ms)


def standing(connection: sa.Connection, patient: str) -> Patient:
    """What holds for a patient now; raises RegistryError."""
    known = sa.select(tables.patient.c.key).where(
        tables.patient.c.key == patient, tables.patient.c.erased_ms.is_(None)
    )
    if connection.execute(known).first() is None:
        raise RegistryError(f"no patient {patient}")
    return settled(connection, patient) or Patient()


def steps(connection: sa.Connection, patient: str) -> list[Step]:
    """Who changed what, the newest first."""
    known = [Settled(0, "", Patient()), *settlements(connection, patient)]
    found = [
        Step(now.from_ms, now.doctor, _differences(before.settings, now.settings))
        for before, now in pairwise(known)
    ]
    return found[::-1]


def flat(settings: Patient) -> dict[str, Number]:
    """The settings by the names that `Change` has for them."""
    parts = settings, settings.limits, settings.baseline
    known = {key: value for part in parts for key, value in msgspec.structs.asdict(part).items()}
    return {key: known[key] for key in SETTINGS}


def changed(settings: Patient, change: Change) -> Patient:
    """The settings after a change; raises ImpossibleSettings."""
    given = {
        key: value for key, value in msgspec.structs.asdict(change).items() if value is not UNSET
    }
    limits = {key: given.pop(key) for key in PatientLimits.__struct_fields__ if key in given}
    baseline = {key: given.pop(key) for key in PatientBaseline.__struct_fields__ if key in given}
    after = msgspec.structs.replace(
        settings,
        limits=msgspec.structs.replace(settings.limits, **limits),
        baseline=msgspec.structs.replace(settings.baseline, **baseline),
        **given,
    )
    for key, reason in _impossible(flat(after)):
        raise ImpossibleSettings(key, reason)
    return after


def _impossible(values: dict[str, Number]) -> Iterator[tuple[str, str]]:
    numbers = {key: float(one) for key, one in values.items() if isinstance(one, int | float)}
    for key, (lowest, highest) in RANGES.items():
        if key in numbers and not lowest <= numbers[key] <= highest:
            yield key, f"{key}: {numbers[key]:g} is not between {lowest:g} and {highest:g}"
    for low, high in _TOGETHER:
        if (low in numbers) != (high in numbers):
            yield (high if low in numbers else low), f"{low} and {high} go together"
    for low, high in _ORDERED:
        if low in numbers and high in numbers and numbers[low] >= numbers[high]:
            yield low, f"{low}, {numbers[low]:g}, is not below {high}, {numbers[high]:g}"
    floor_pct, target_pct = numbers.get("spo2_floor_pct"), numbers.get("target_low_pct")
    if floor_pct is not None and target_pct is not None and floor_pct > target_pct:
        reason = f"the floor, {floor_pct:g} %, is above the target's lower end, {target_pct:g} %"
        yield "spo2_floor_pct", reason


def _differences(before: Patient, now: Patient) -> dict[str, tuple[Number, Number]]:
    old, new = flat(before), flat(now)
    return {key: (old[key], new[key]) for key in SETTINGS if old[key] != new[key]}
