"""Planned visits: weekdays for the first two weeks of a loan, then as people move them; in the caller's transaction.

Each change is a new revision of what the patient's box should be, so that its screen says the truth.
"""

from datetime import date, datetime, time, timedelta

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.alerts.civil import OSLO, civil_day, local_ms, public_holidays
from koffert_hub.loans import LoanState
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.times import to_ms
from koffert_hub.visits.tables import planned_visit
from koffert_wire.commands import MOST_VISITS, PlannedVisit, VisitWith

FORTNIGHT_DAYS = 14
# One nurse visits one patient after the other: the first quarter that nobody else has every day.
FIRST_START = time(10, 0)
QUARTER_MIN = 15
_QUARTERS = 20
_ENCODE = msgspec.msgpack.Encoder().encode


class NoSuchVisit(Exception):
    """No visit of a loan that goes on has this number, or it was cancelled."""


class TooManyVisits(Exception):
    """The box takes no more."""


class AfterLoansEnd(Exception):
    """The suitcase will not be at the patient's then, but until `ends_ms`."""

    def __init__(self, ends_ms: int) -> None:
        super().__init__(f"the loan ends at {ends_ms}")
        self.ends_ms = ends_ms


class Visit(Struct, frozen=True, kw_only=True):
    """One planned visit. `held_ms` is when a call was answered, `planned_ms` when it was first planned for."""

    id: int
    patient: str
    loan: str
    planned_ms: int
    starts_ms: int
    visit_with: VisitWith
    cancelled_ms: int | None
    held_ms: int | None
    changed_by: str | None

    @property
    def moved(self) -> bool:
        """Whether it is at another time than it was planned for."""
        return self.starts_ms != self.planned_ms


_VISIT = [planned_visit.c[name] for name in Visit.__struct_fields__]
_GOES_ON = sa.and_(tables.loan.c.id == planned_visit.c.loan, tables.loan.c.state != LoanState.ENDED)


def plan_fortnight(connection: sa.Connection, loan: str, *, now: datetime) -> None:
    """Plan a nurse's visit on each weekday of the loan's first two weeks that is no holiday."""
    ends_ms, patient = _loan(connection, loan)
    first = now.astimezone(OSLO).date()
    days = [first + timedelta(n) for n in range(FORTNIGHT_DAYS)]
    days = [day for day in days if day.weekday() < 5 and day not in public_holidays(day.year)]
    clock = _free_quarter(connection, days)
    starts = [local_ms(day, clock) for day in days]
    rows = [
        _row(patient, loan, start_ms, VisitWith.NURSE)
        for start_ms in starts
        if to_ms(now) < start_ms and (ends_ms is None or start_ms < ends_ms)
    ]
    if rows:
        connection.execute(planned_visit.insert(), rows)
        send_visits(connection, loan, now=now)


def plan_visit(
    connection: sa.Connection, loan: str, starts_ms: int, visit_with: VisitWith, *, now: datetime
) -> None:
    """Plan one more; raises TooManyVisits or AfterLoansEnd."""
    patient = _patient_until(connection, loan, starts_ms)
    connection.execute(planned_visit.insert().values(_row(patient, loan, starts_ms, visit_with)))
    send_visits(connection, loan, now=now)


def move_visit(
    connection: sa.Connection, number: int, starts_ms: int, by: str, *, now: datetime
) -> Visit:
    """Have it at another time; raises NoSuchVisit or AfterLoansEnd."""
    before = _change(connection, number, by, now, starts_ms=starts_ms)
    _patient_until(connection, before.loan, starts_ms)
    return before


def cancel_visit(connection: sa.Connection, number: int, by: str, *, now: datetime) -> Visit:
    """Have it not at all; raises NoSuchVisit."""
    return _change(connection, number, by, now, cancelled_ms=to_ms(now))


def note_held(connection: sa.Connection, loan: str, *, at_ms: int) -> None:
    """A call under this loan was answered: it was the visit of that day that is nearest in time."""
    day = civil_day(at_ms)
    table = planned_visit
    connection.execute(
        table.update()
        .where(
            table.c.id
            == sa.select(table.c.id)
            .where(
                table.c.loan == loan,
                table.c.cancelled_ms.is_(None),
                table.c.held_ms.is_(None),
                table.c.starts_ms.between(day.start_ms, day.end_ms - 1),
            )
            .order_by(sa.func.abs(table.c.starts_ms - at_ms), table.c.id)
            .limit(1)
            .scalar_subquery()
        )
        .values(held_ms=at_ms)
    )


def visits_between(connection: sa.Connection, start_ms: int, end_ms: int) -> list[Visit]:
    """The visits of all loans that go on, by time; those that were cancelled too."""
    return _found(connection, planned_visit.c.starts_ms.between(start_ms, end_ms - 1))


def visits_of(connection: sa.Connection, patient: str) -> list[Visit]:
    """Those of the patient's loan that goes on."""
    return _found(connection, planned_visit.c.patient == patient)


def send_visits(connection: sa.Connection, loan: str, *, now: datetime) -> None:
    """Want of the loan's box that it knows the visits from this day on; raises TooManyVisits."""
    table = planned_visit
    rows = connection.execute(
        sa.select(table.c.starts_ms, table.c.visit_with)
        .where(
            table.c.loan == loan,
            table.c.cancelled_ms.is_(None),
            table.c.starts_ms >= civil_day(to_ms(now)).start_ms,
        )
        .order_by(table.c.starts_ms, table.c.id)
    ).all()
    if len(rows) > MOST_VISITS:
        raise TooManyVisits(f"{len(rows)} visits")
    visits = tuple(PlannedVisit(row.starts_ms, VisitWith(row.visit_with)) for row in rows)
    state = desired_state
    connection.execute(
        state.update()
        .where(state.c.loan == loan)
        .values(visits=_ENCODE(visits), revision=state.c.revision + 1, changed_ms=to_ms(now))
    )


def _change(connection: sa.Connection, number: int, by: str, now: datetime, **values: int) -> Visit:
    known = _found(connection, planned_visit.c.id == number, planned_visit.c.cancelled_ms.is_(None))
    if not known:
        raise NoSuchVisit(number)
    connection.execute(
        planned_visit.update()
        .where(planned_visit.c.id == number)
        .values(changed_ms=to_ms(now), changed_by=by, **values)
    )
    send_visits(connection, known[0].loan, now=now)
    return known[0]


def _found(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Visit]:
    rows = connection.execute(
        sa.select(*_VISIT)
        .join(tables.loan, _GOES_ON)
        .where(*where)
        .order_by(planned_visit.c.starts_ms, planned_visit.c.id)
    )
    return [Visit(**row._asdict() | {"visit_with": VisitWith(row.visit_with)}) for row in rows]


def _free_quarter(connection: sa.Connection, days: list[date]) -> time:
    start_ms, end_ms = local_ms(days[0], time()), local_ms(days[-1] + timedelta(1), time())
    taken = {
        visit.starts_ms
        for visit in visits_between(connection, start_ms, end_ms)
        if visit.cancelled_ms is None
    }
    for quarter in range(_QUARTERS):
        minutes = FIRST_START.hour * 60 + quarter * QUARTER_MIN
        clock = time(*divmod(minutes, 60))
        if not any(local_ms(day, clock) in taken for day in days):
            return clock
    return FIRST_START


def _loan(connection: sa.Connection, loan: str) -> tuple[int | None, str]:
    table, state = tables.loan, desired_state
    row = connection.execute(
        sa.select(table.c.patient, state.c.ends_ms)
        .outerjoin(state, state.c.loan == table.c.id)
        .where(table.c.id == loan)
    ).one()
    return row.ends_ms, row.patient


def _patient_until(connection: sa.Connection, loan: str, starts_ms: int) -> str:
    """Who has the loan's suitcase then; raises AfterLoansEnd."""
    ends_ms, patient = _loan(connection, loan)
    if ends_ms is not None and starts_ms >= ends_ms:
        raise AfterLoansEnd(ends_ms)
    return patient


def _row(patient: str, loan: str, starts_ms: int, visit_with: VisitWith) -> dict[str, object]:
    return {
        "patient": patient,
        "loan": loan,
        "planned_ms": starts_ms,
        "starts_ms": starts_ms,
        "visit_with": visit_with,
    }
