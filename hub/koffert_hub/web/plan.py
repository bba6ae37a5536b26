"""What a doctor has set for a patient, as a form writes it, and how far the patient's box has followed."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import at_home, tables
from koffert_hub.alerts.card import SignedCard, cards
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.prescription import (
    RANGES,
    SETTINGS,
    Change,
    ImpossibleSettings,
    Step,
    flat,
    standing,
    steps,
)
from koffert_hub.alerts.records import Number
from koffert_hub.at_home import Agreed, AtHome
from koffert_hub.database import reading
from koffert_hub.loans import LoanState
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.times import to_ms

_SCALE, _OXYGEN, _DISCHARGED = "spo2_scale", "on_oxygen", "discharged_ms"
# The parts of the form, each with its fields.
GROUPS: dict[str, tuple[str, ...]] = {
    "target": ("target_low_pct", "target_high_pct"),
    "limits": (
        "spo2_floor_pct",
        "pulse_low_bpm",
        "pulse_high_bpm",
        "respiratory_rate_low_bpm",
        "respiratory_rate_high_bpm",
    ),
    "usual": (
        "spo2_mean_pct",
        "spo2_sd_pct",
        "pulse_mean_bpm",
        "pulse_sd_bpm",
        "fev1_mean_l",
        "fev1_sd_l",
    ),
}
_UNITS = {"pct": "%", "bpm": "/min", "l": "L"}


class Plan(Struct, frozen=True):
    """What stands: `followed` says whether the box has confirmed it, None where no box is told."""

    values: dict[str, str]
    steps: list[Step]
    card: SignedCard | None
    home: AtHome
    agreed: list[Agreed]
    followed: bool | None


def plan(engine: sa.Engine, patient: str) -> Plan:
    """All of it, of one moment; raises RegistryError."""
    loan, state = tables.loan, desired_state
    with reading(engine) as connection:
        followed = connection.execute(
            sa.select(state.c.applied_revision >= state.c.revision)
            .join(loan, loan.c.id == state.c.loan)
            .where(loan.c.patient == patient, loan.c.state != LoanState.ENDED)
        ).scalar()
        return Plan(
            {
                key: written(key, value)
                for key, value in flat(standing(connection, patient)).items()
            },
            steps(connection, patient),
            cards(connection, [patient]).get(patient),
            at_home.standing(connection, patient),
            at_home.agreements(connection, patient),
            followed,
        )


def unit(key: str) -> str:
    """The unit that stands beside a field."""
    return _UNITS[key.rsplit("_", 1)[-1]]


def written(key: str, value: Number) -> str:
    """A setting as it stands in its field; what is not set is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if key == _DISCHARGED:
        return f"{datetime.fromtimestamp(float(value) / 1_000, OSLO):%Y-%m-%dT%H:%M}"
    return f"{value:g}".replace(".", ",") if isinstance(value, int | float) else value


def change_of(form: Mapping[str, str]) -> Change:
    """What a whole form asks for: an empty field takes the rule set's value. Raises ImpossibleSettings."""
    values: dict[str, Any] = {
        key: _number(key, form.get(key, "")) for key in RANGES if key != _SCALE
    }
    return msgspec.structs.replace(
        Change(**values),
        spo2_scale=2 if form.get(_SCALE) == "2" else 1,
        on_oxygen=form.get(_OXYGEN) == "yes",
        discharged_ms=_moment(form.get(_DISCHARGED, "")),
    )


def filled_in(form: Mapping[str, str]) -> dict[str, str]:
    """The fields as somebody left them, for another try."""
    return {key: form.get(key, "") for key in SETTINGS}


def _number(key: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise ImpossibleSettings(key, f"{key}: no number") from error
    if not math.isfinite(number):
        raise ImpossibleSettings(key, f"{key}: no number")
    return number


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        return to_ms(datetime.fromisoformat(text).replace(tzinfo=OSLO))
    except (ValueError, OverflowError) as error:
        raise ImpossibleSettings(_DISCHARGED, "no moment") from error
