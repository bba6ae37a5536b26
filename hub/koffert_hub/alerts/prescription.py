"""What a doctor sets for one patient: a change on what stands, checked, settled from now on."""

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.alerts.history import NoDoctor, settle, settled
from koffert_hub.alerts.records import Patient
from koffert_hub.registry import RegistryError


class ImpossibleSettings(ValueError):
    """The settings contradict each other; nothing is changed."""


class Change(Struct, frozen=True, kw_only=True):
    """What is to be other than it stands; None leaves it."""

    target_low_pct: float | None = None
    target_high_pct: float | None = None
    spo2_scale: int | None = None
    on_oxygen: bool | None = None
    spo2_floor_pct: float | None = None


NO_CHANGE = Change()


def prescribe(
    connection: sa.Connection, patient: str, change: Change, doctor: str, *, now_ms: int
) -> Patient:
    """Settle a change for a patient; returns what holds from now on.

    Raises RegistryError (no such patient), NoDoctor and ImpossibleSettings.
    """
    if not doctor.strip():
        raise NoDoctor("a patient's settings need a doctor's name")
    settings = changed(standing(connection, patient), change)
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


def changed(settings: Patient, change: Change) -> Patient:
    """The settings after a change; raises ImpossibleSettings."""
    given = {
        name: value for name, value in msgspec.structs.asdict(change).items() if value is not None
    }
    floor_pct = given.pop("spo2_floor_pct", settings.limits.spo2_floor_pct)
    limits = msgspec.structs.replace(settings.limits, spo2_floor_pct=floor_pct)
    after = msgspec.structs.replace(settings, limits=limits, **given)
    low, high = after.target_low_pct, after.target_high_pct
    if (low is None) != (high is None):
        raise ImpossibleSettings("a target has a lower and an upper end")
    if low is not None and high is not None and low >= high:
        raise ImpossibleSettings(f"a target from {low:g} to {high:g} % is none")
    if low is not None and floor_pct is not None and floor_pct > low:
        raise ImpossibleSettings(f"the floor, {floor_pct:g} %, is above the target's lower end")
    return after
