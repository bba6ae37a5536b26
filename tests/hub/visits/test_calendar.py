"""The calendar of visits: what is planned by itself, moved, cancelled, held; and what the box is told."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from koffert_hub.alerts.civil import OSLO
from koffert_hub.database import reading
from koffert_hub.provisioning.desired_state import desire, desired, unlock
from koffert_hub.provisioning.reactions import as_command
from koffert_hub.times import from_ms, to_ms
from koffert_hub.visits.calendar import (
    NoSuchVisit,
    TooManyVisits,
    Visit,
    cancel_visit,
    move_visit,
    note_held,
    plan_fortnight,
    plan_visit,
    visits_between,
    visits_of,
)
from koffert_wire.commands import MOST_VISITS, PlannedVisit, VisitWith
from tests.hub.provisioning.test_fleet import BOX, Depot

# A Wednesday before Easter: Maundy Thursday, Good Friday and Easter Monday lie in the two weeks.
BEFORE_EASTER = datetime(2027, 3, 24, 9, 0, tzinfo=OSLO)
HOUR_MS = 3_600_000


class Calendar:
    """One lent box and its visits."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.depot = Depot(folder)
        self.depot.enrol()
        self.depot.now = self.now = now
        self.patient = self.depot.patient()
        self.loan = self.depot.lend(self.patient)
        self.engine = self.depot.site.engine
        with self.engine.begin() as connection:
            plan_fortnight(connection, self.loan, now=now)

    def visits(self) -> list[Visit]:
        with reading(self.engine) as connection:
            return visits_of(connection, self.patient)

    def told(self) -> tuple[int, tuple[PlannedVisit, ...]]:
        """The revision and the visits that the box is told."""
        with reading(self.engine) as connection:
            wanted = desired(connection, BOX)
        assert wanted is not None
        return wanted.revision, as_command(wanted).visits


def test_each_weekday_of_two_weeks_but_holidays(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER)
    clocks = [
        f"{from_ms(visit.starts_ms).astimezone(OSLO):%d.%m %H:%M}" for visit in calendar.visits()
    ]
    days = ("24.03", "30.03", "31.03", "01.04", "02.04", "05.04", "06.04")
    assert clocks == [f"{day} 10:00" for day in days]  # summer time begins on 28 March
    assert [visit.starts_ms for visit in calendar.told()[1]] == [
        visit.starts_ms for visit in calendar.visits()
    ]


def test_a_visit_whose_hour_has_passed_is_not_planned(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER + timedelta(hours=2))
    assert len(calendar.visits()) == 6


def test_the_next_patient_gets_the_next_free_quarter(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER)
    with calendar.engine.begin() as connection:
        plan_fortnight(connection, calendar.loan, now=calendar.now)
    first = {visit.starts_ms for visit in calendar.visits()[::2]}
    second = {visit.starts_ms for visit in calendar.visits()[1::2]}
    assert second == {starts_ms + HOUR_MS // 4 for starts_ms in first}


def test_moved_and_cancelled_the_box_is_told_what_holds(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER)
    first, second, *rest = calendar.visits()
    revision, _ = calendar.told()
    with calendar.engine.begin() as connection:
        move_visit(connection, first.id, first.starts_ms + HOUR_MS, "Nurse", now=calendar.now)
        cancel_visit(connection, second.id, "Nurse", now=calendar.now)
        plan_visit(
            connection, calendar.loan, rest[0].starts_ms + 1, VisitWith.DOCTOR, now=calendar.now
        )
    newer, told = calendar.told()
    assert newer > revision
    assert told[0] == PlannedVisit(first.starts_ms + HOUR_MS)
    assert second.starts_ms not in {visit.starts_ms for visit in told}
    assert PlannedVisit(rest[0].starts_ms + 1, VisitWith.DOCTOR) in told
    moved, cancelled, *_ = calendar.visits()
    assert (moved.moved, moved.changed_by) == (True, "Nurse")
    assert cancelled.cancelled_ms == to_ms(calendar.now)
    with calendar.engine.begin() as connection, pytest.raises(NoSuchVisit):
        move_visit(connection, second.id, second.starts_ms, "Nurse", now=calendar.now)


def test_an_answered_call_was_the_nearest_visit_of_its_day(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER)
    first, second, *_ = calendar.visits()
    with calendar.engine.begin() as connection:
        note_held(connection, calendar.loan, at_ms=second.starts_ms + HOUR_MS)
        note_held(connection, calendar.loan, at_ms=second.starts_ms + 2 * HOUR_MS)
    held = [visit.held_ms for visit in calendar.visits()]
    assert held[:3] == [None, second.starts_ms + HOUR_MS, None]
    day_ms = first.starts_ms - 10 * HOUR_MS
    with reading(calendar.engine) as connection:
        assert visits_between(connection, day_ms, day_ms + 24 * HOUR_MS) == [first]


def test_the_box_is_told_no_more_than_it_takes(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER)
    start_ms = calendar.visits()[0].starts_ms
    free = MOST_VISITS - len(calendar.visits())
    with calendar.engine.begin() as connection:
        for n in range(free):
            plan_visit(connection, calendar.loan, start_ms + n, VisitWith.NURSE, now=calendar.now)
    with pytest.raises(TooManyVisits), calendar.engine.begin() as connection:
        plan_visit(connection, calendar.loan, start_ms, VisitWith.NURSE, now=calendar.now)
    assert len(calendar.told()[1]) == MOST_VISITS


def test_visits_end_with_the_loan_and_outlive_a_lock(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path, BEFORE_EASTER)
    revision, told = calendar.told()
    with calendar.engine.begin() as connection:
        unlock(connection, BOX, calendar.now)  # nothing was locked
    assert calendar.told() == (revision, told)
    calendar.depot.give_back()
    assert calendar.told()[1] == ()
    assert calendar.visits() == []
    with calendar.engine.begin() as connection:
        desire(connection, BOX, loan=None, locked=True, now=calendar.now)
        unlock(connection, BOX, calendar.now)
        wanted = desired(connection, BOX)
    assert wanted is not None
    assert not wanted.locked
