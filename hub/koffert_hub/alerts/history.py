"""What the hub keeps of a loan for the engine: its readings, and the settings that held."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from koffert_hub.alerts import tables
from koffert_hub.alerts.case import Case, case_of
from koffert_hub.alerts.engine import END_MS, advance, elapse, order, record
from koffert_hub.alerts.records import (
    CALL_BUTTON,
    Alert,
    Correction,
    Event,
    Kind,
    Patient,
    Raised,
    Reading,
)
from koffert_hub.alerts.rules import RuleSet
from koffert_hub.alerts.signing import staff_id
from koffert_hub.alerts.state import Awaited, State
from koffert_hub.loans import RULES
from koffert_hub.log_record import Event as LogEvent
from koffert_hub.log_record import Result
from koffert_hub.registry import Loan
from koffert_hub.tables import loan as loan_table
from koffert_hub.transmission_log import LogWriter, draft

NEVER_MS = -END_MS
# The states of a loan in which it may raise an alert.
ALERTING = [state for state, rules in RULES.items() if rules.alerts]
# Those in which the patient can call for the nurse.
RINGING = [state for state, rules in RULES.items() if rules.rings]
# SQLite takes 32,766 parameters in one statement.
_IDS_PER_QUERY = 10_000
_READING = msgspec.msgpack.Decoder(Reading)
_PATIENT = msgspec.msgpack.Decoder(Patient)
_ENCODE = msgspec.msgpack.Encoder().encode


class NoDoctor(ValueError):
    """Settings of a patient that no doctor answers for; nothing is changed."""


class Unconfirmed(NamedTuple):
    """A first red reading that waits for its repeat until `until_ms`; to be shown at once, as such."""

    patient: str
    cause: str
    value: float
    since_ms: int
    until_ms: int
    loan: str
    reading: str


class _Awaiting(msgspec.Struct):
    """So much of a `State` as says what it waits for: the rest is not read."""

    awaited: dict[str, Awaited] = {}


_AWAITED = msgspec.msgpack.Decoder(_Awaiting)
_DUE = (
    sa.select(
        tables.alert_state.c.patient,
        tables.alert_state.c.loan,
        tables.alert_state.c.state,
        loan_table.c.state.label("loan_state"),
    )
    .join(loan_table, loan_table.c.id == tables.alert_state.c.loan)
    .where(tables.alert_state.c.next_due_ms.is_not(None), loan_table.c.state.in_(RINGING))
)
_DUE_OF = _DUE.where(tables.alert_state.c.loan.in_(sa.bindparam("loans", expanding=True)))


# Asked at each reading: built once.
_SETTLED = (
    sa.select(
        tables.alert_setting.c.from_ms,
        tables.alert_setting.c.doctor,
        tables.alert_setting.c.settings,
    )
    .where(tables.alert_setting.c.patient == sa.bindparam("of"))
    .order_by(tables.alert_setting.c.from_ms, tables.alert_setting.c.id)
)
_KNOWN = sa.select(tables.alert_reading.c.id).where(
    tables.alert_reading.c.loan == sa.bindparam("of"),
    tables.alert_reading.c.id.in_(sa.bindparam("some", expanding=True)),
)
_KEEP_READINGS = tables.alert_reading.insert()


class Settled(NamedTuple):
    """What held from `from_ms` on, and who answers for it; nobody in person for the defaults."""

    from_ms: int
    doctor: str
    settings: Patient


class Judged(NamedTuple):
    """All readings of a loan, folded: `elapsed_ms` is when the last timer fired after them."""

    state: State
    alerts: list[Alert]
    corrected: set[str]
    elapsed_ms: int


def judge(connection: sa.Connection, loan: str, cases: Sequence[Case], until_ms: int) -> Judged:
    """Fold what a loan brought, with timers up to `until_ms`."""
    readings, corrected = _history(connection, loan)
    state, alerts = State(), list[Alert]()
    for one in readings:
        record(alerts, advance(in_force(cases, one.measured_ms), state, one))
    events = elapse(in_force(cases, until_ms), state, until_ms)
    record(alerts, events)
    return Judged(state, alerts, corrected, last_ms(events))


def replay(
    connection: sa.Connection, rules: RuleSet, patient: str, *, since_ms: int, until_ms: int
) -> list[Alert]:
    """What the rules make of everything that is kept of a patient, by the time it was raised."""
    table = tables.alert_state
    loans = connection.execute(sa.select(table.c.loan).where(table.c.patient == patient)).scalars()
    cases = cases_of(connection, rules, patient)
    judged = [judge(connection, loan, cases, until_ms) for loan in loans.all()]
    alerts = [one for each in judged for one in each.alerts if one.raised_ms >= since_ms]
    return sorted(alerts, key=lambda one: (one.raised_ms, one.cause))


def unconfirmed(
    connection: sa.Connection, loans: Collection[str] | None = None
) -> list[Unconfirmed]:
    """Everything that waits, in `loans` or anywhere, for a repeat or, as `call_button`, for an answer; the oldest first."""
    if loans is None:
        rows = connection.execute(_DUE)
    else:
        rows = connection.execute(_DUE_OF, {"loans": list(loans)})
    waiting = [
        Unconfirmed(
            row.patient, cause, one.value, one.since_ms, one.until_ms, row.loan, one.reading
        )
        for row in rows
        for cause, one in _AWAITED.decode(row.state).awaited.items()
        if RULES[row.loan_state].hears(call=cause == CALL_BUTTON)
    ]
    return sorted(waiting, key=lambda one: (one.since_ms, one.patient, one.cause))


def cases_of(connection: sa.Connection, rules: RuleSet, patient: str) -> list[Case]:
    """What held for this patient, oldest first."""
    known = settlements(connection, patient)
    return [
        case_of(rules, Patient(), NEVER_MS),
        *(case_of(rules, one.settings, one.from_ms) for one in known),
    ]


def settle(
    connection: sa.Connection,
    patient: str,
    settings: Patient,
    doctor: str,
    *,
    now_ms: int,
) -> None:
    """A doctor's settings hold from now on, and the log says so without a value.

    The defaults, which a doctor signed with the rule set, need no name; raises NoDoctor on any others.
    """
    name = doctor.strip()
    if not name and settings != Patient():
        raise NoDoctor("a patient's settings need a doctor's name")
    connection.execute(
        tables.alert_setting.insert().values(
            patient=patient, from_ms=now_ms, doctor=name, settings=_ENCODE(settings)
        )
    )
    writer = LogWriter(connection)
    by = staff_id(name) if name else "defaults"
    writer.add(draft(LogEvent.SETTINGS, Result.DONE, at_ms=now_ms, patient=patient, detail=by))
    writer.flush()


def settled(connection: sa.Connection, patient: str) -> Patient | None:
    """The newest settings of a patient; None: nobody has settled any."""
    table = tables.alert_setting
    settings = connection.execute(
        sa.select(table.c.settings)
        .where(table.c.patient == patient)
        .order_by(table.c.from_ms.desc(), table.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if settings is None else _PATIENT.decode(settings)


def settlements(connection: sa.Connection, patient: str) -> list[Settled]:
    """All settings that a patient ever had, the oldest first."""
    rows = connection.execute(_SETTLED, {"of": patient})
    return [Settled(row.from_ms, row.doctor, _PATIENT.decode(row.settings)) for row in rows]


def in_force(cases: Sequence[Case], at_ms: int) -> Case:
    """The settings that held at a moment."""
    return next(case for case in reversed(cases) if case.from_ms <= at_ms)


def fresh_ones(connection: sa.Connection, loan: Loan, readings: Iterable[Reading]) -> list[Reading]:
    """Those that are not known, in order; of two with one id the first that came."""
    by_id: dict[str, Reading] = {}
    for one in readings:
        by_id.setdefault(one.id, one)
    identities = list(by_id)
    for start in range(0, len(identities), _IDS_PER_QUERY):
        some = identities[start : start + _IDS_PER_QUERY]
        known = connection.execute(_KNOWN, {"of": loan.id, "some": some}).scalars()
        for identity in known:
            del by_id[identity]
    return sorted(by_id.values(), key=order)


def keep_readings(connection: sa.Connection, loan: Loan, fresh: Sequence[Reading]) -> None:
    """Keep readings that are not known yet."""
    rows = [
        {
            "loan": loan.id,
            "id": one.id,
            "patient": loan.patient,
            "measured_ms": one.measured_ms,
            "data": _ENCODE(one),
        }
        for one in fresh
    ]
    connection.execute(_KEEP_READINGS, rows)


def last_ms(events: Iterable[Event]) -> int:
    """When the last of these happened."""
    moments = (one.alert.raised_ms if isinstance(one, Raised) else one.at_ms for one in events)
    return max(moments, default=NEVER_MS)


def _history(connection: sa.Connection, loan: str) -> tuple[list[Reading], set[str]]:
    """The readings of a loan that count, in order, and the ids of those that were corrected."""
    table = tables.alert_reading
    rows = connection.execute(sa.select(table.c.data).where(table.c.loan == loan)).scalars()
    readings = [_READING.decode(data) for data in rows]
    corrected = {one.value.of for one in readings if isinstance(one.value, Correction)}
    counting = [
        one for one in readings if one.id not in corrected and one.kind is not Kind.CORRECTION
    ]
    return sorted(counting, key=order), corrected
