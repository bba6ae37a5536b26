"""Readings that staff enter: they go through the log like any other, with who entered them and from what."""

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.loans import LoanState
from koffert_hub.local_messages import file_message, instant
from koffert_hub.web.tables import hand_entry
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import Mode, Reading

SENSOR = "by-hand"
DETAIL = "by-hand"
# Beyond these somebody mistyped: no patient who is at home has them.
PLAUSIBLE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "crp_mg_l": (0.0, 500.0),
        "temperature_c": (30.0, 43.0),
        "systolic_mmhg": (50.0, 280.0),
        "diastolic_mmhg": (20.0, 180.0),
        "spo2_pct": (50.0, 100.0),
    }
)
# A loan is two weeks; what is older belongs to an earlier one.
OLDEST_MS = 14 * 24 * 3_600_000
_NS_PER_MS = 1_000_000
_UUID_RANDOM_BYTES = 10


class Source(StrEnum):
    """Where a number that was entered comes from."""

    READ_ALOUD = "read-aloud"
    MEASURED_BY_STAFF = "measured-by-staff"
    LABORATORY = "laboratory"


class Entered(NamedTuple):
    """Numbers by quantity, from where, and when they were measured (ms since 1970)."""

    values: Mapping[str, float]
    source: Source
    at_ms: int


class NotPlausible(Exception):
    """A number or a time that cannot be: nothing was entered, ask again."""


def enter(
    connection: sa.Connection,
    patient: str,
    entered: Entered,
    username: str,
    display_name: str,
    *,
    now_ms: int,
    random: Callable[[int], bytes] = os.urandom,
) -> int:
    """File a reading entered by hand; return its log record. Raises NotPlausible, RegistryError."""
    _must_be_plausible(entered, now_ms)
    identity = uuid7(now_ms * _NS_PER_MS, random(_UUID_RANDOM_BYTES))
    reading = Reading(
        id=identity,
        at=instant(entered.at_ms, now_ms),
        sensor=SENSOR,
        sensor_serial=None,
        mode=Mode.SPOT,
        values=dict(entered.values),
        quality=1.0,
        flags=(SENSOR, entered.source.value),
    )
    sequence = file_message(
        connection,
        patient,
        reading,
        size_bytes=0,
        detail=DETAIL,
        now_ms=now_ms,
        loan=_loan(connection, patient),
        random=random,
    )
    connection.execute(
        hand_entry.insert().values(
            reading=identity,
            patient=patient,
            at_ms=now_ms,
            username=username,
            display_name=display_name,
            source=entered.source,
        )
    )
    return sequence


def _must_be_plausible(entered: Entered, now_ms: int) -> None:
    if not entered.values or not now_ms - OLDEST_MS <= entered.at_ms <= now_ms:
        raise NotPlausible
    for quantity, value in entered.values.items():
        low, high = PLAUSIBLE[quantity]
        if not low <= value <= high:
            raise NotPlausible
    systolic, diastolic = (entered.values.get(name) for name in ("systolic_mmhg", "diastolic_mmhg"))
    if (systolic is None) != (diastolic is None):
        raise NotPlausible
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        raise NotPlausible


def _loan(connection: sa.Connection, patient: str) -> str | None:
    loan = tables.loan.c
    found = connection.execute(
        sa.select(loan.id)
        .where(loan.patient == patient, loan.state != LoanState.ENDED)
        .order_by(loan.created_ms.desc())
        .limit(1)
    )
    return found.scalar_one_or_none()
