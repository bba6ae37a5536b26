"""What a doctor sets reaches the box as a revision of its own, whoever changed it; box and hub know the same hours."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import msgspec
import pytest

from koffert_agent.kiosk.duty import is_staffed
from koffert_hub.alerts.civil import Shift, StaffingHours
from koffert_hub.alerts.history import settle
from koffert_hub.alerts.records import Patient, PatientLimits
from koffert_hub.alerts.rules import load_rules
from koffert_hub.database import reading
from koffert_hub.provisioning import lending
from koffert_hub.provisioning.box_settings import (
    Standard,
    bring_up_to_date,
    settings_for,
    standard_of,
)
from koffert_hub.provisioning.desired_state import (
    Desired,
    desired,
    note_answered,
    note_applied,
    unfollowed,
)
from koffert_hub.provisioning.reactions import as_command
from koffert_hub.times import to_ms
from koffert_wire.commands import BoxSettings, DesiredState
from tests.hub.provisioning.site import NOW, RULES
from tests.hub.provisioning.test_fleet import BOX, Depot

DAYTIME = Shift(time(8), time(15, 30))
HOURS = StaffingHours(
    monday=DAYTIME,
    tuesday=DAYTIME,
    wednesday=DAYTIME,
    thursday=DAYTIME,
    friday=DAYTIME,
    holiday=Shift(time(10), time(0)),
)
STANDARD = Standard(load_rules(RULES), HOURS, "51 00 00 00")


class Lent:
    """A box lent to a patient, and the hub that keeps it informed."""

    def __init__(self, folder: Path) -> None:
        self.depot = Depot(folder)
        self.depot.enrol()
        self.patient = self.depot.patient()
        self.depot.lend(self.patient)

    def step(self, standard: Standard = STANDARD, *, every: bool = False) -> Desired:
        """The hub looks, and says what it then wants of the box."""
        with self.depot.site.engine.begin() as connection:
            bring_up_to_date(connection, standard, NOW, every=every)
        with reading(self.depot.site.engine) as connection:
            wanted = desired(connection, BOX)
        assert wanted is not None
        return wanted

    def settle(self, patient: Patient) -> None:
        with self.depot.site.engine.begin() as connection:
            settle(connection, self.patient, patient, "Testlege 1", now_ms=to_ms(NOW))


@pytest.fixture(name="lent")
def fixture_lent(tmp_path: Path) -> Iterator[Lent]:
    lent = Lent(tmp_path)
    yield lent
    lent.depot.site.engine.dispose()


def told(wanted: Desired) -> BoxSettings:
    command = as_command(wanted)
    assert command.settings is not None
    return command.settings


def test_a_doctors_change_is_a_revision_and_nothing_else_is(lent: Lent) -> None:
    first = lent.step()
    assert told(first).spo2_floor_pct == 87
    assert told(first).telephone == "51 00 00 00"
    assert lent.step() == first
    lent.settle(Patient(spo2_scale=2, target_low_pct=88, target_high_pct=92))
    second = lent.step()
    assert (second.revision, told(second).spo2_floor_pct) == (first.revision + 1, 83)
    assert not second.followed
    lent.settle(Patient(spo2_scale=2, limits=PatientLimits(spo2_floor_pct=80, pulse_high_bpm=125)))
    third = lent.step()
    assert (told(third).spo2_floor_pct, told(third).pulse_high_bpm) == (80, 125)
    # What is nothing to the box makes no revision.
    lent.settle(
        Patient(
            spo2_scale=2,
            on_oxygen=True,
            limits=PatientLimits(spo2_floor_pct=80, pulse_high_bpm=125),
        )
    )
    assert lent.step().revision == third.revision
    with lent.depot.site.engine.begin() as connection:
        note_applied(connection, BOX, third.revision, NOW)
    assert lent.step().followed


def test_other_hours_reach_the_box_when_the_hub_starts_again(lent: Lent) -> None:
    first = lent.step()
    moved = Standard(STANDARD.rules, StaffingHours(), None)
    assert lent.step(moved) == first
    later = lent.step(moved, every=True)
    assert later.revision == first.revision + 1
    assert told(later).staffed == (None,) * 8


def test_a_box_that_came_back_keeps_nothing_of_its_patient(lent: Lent) -> None:
    lent.settle(Patient(spo2_scale=2))
    assert told(lent.step()).spo2_floor_pct == 83
    lent.depot.give_back()
    assert as_command(lent.step(every=True)).settings is None


def test_the_hubs_file_says_it_for_all(lent: Lent) -> None:
    alerts = lent.depot.site.settings.alerts
    assert alerts is not None
    with_number = msgspec.structs.replace(alerts, telephone="51 00 00 01", staffing=HOURS)
    assert told(lent.step(standard_of(with_number))).telephone == "51 00 00 01"


def test_an_answered_call_goes_to_the_box_and_to_nobody_elses(lent: Lent) -> None:
    before = lent.step()
    assert before.loan is not None
    with lent.depot.site.engine.begin() as connection:
        note_answered(connection, before.loan, b"press", NOW)
        note_answered(connection, "l-another", b"other", NOW)
    wanted = lent.step()
    assert (wanted.revision, as_command(wanted).answered_call) == (before.revision + 1, b"press")
    lent.depot.give_back()
    assert as_command(lent.step()).answered_call is None


def test_a_pause_goes_to_the_box_and_so_does_its_end(lent: Lent) -> None:
    before = lent.step()
    with lent.depot.site.engine.begin() as connection:
        note_applied(connection, BOX, before.revision, NOW)
        lending.pause(connection, BOX, now=NOW)
    paused = lent.step()
    assert (paused.revision, paused.followed) == (before.revision + 1, False)
    assert as_command(paused).paused
    with reading(lent.depot.site.engine) as connection:
        assert unfollowed(connection) == [paused]
    with lent.depot.site.engine.begin() as connection:
        lending.resume(connection, BOX, now=NOW)
    resumed = lent.step()
    assert resumed.revision == paused.revision + 1
    assert as_command(resumed) == msgspec.structs.replace(
        as_command(before), revision=resumed.revision
    )


def test_a_box_that_came_back_from_a_pause_is_not_paused(lent: Lent) -> None:
    with lent.depot.site.engine.begin() as connection:
        lending.pause(connection, BOX, now=NOW)
    lent.depot.give_back()
    assert not as_command(lent.step()).paused


def test_box_and_hub_know_the_same_hours_all_year() -> None:
    """Holidays, both nights that change the clock, and the minute before and after each shift."""
    staffed = settings_for(STANDARD, Patient()).staffed
    at, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
    while at < end:
        for minute in (0, 29, 30, 59):
            moment_ms = to_ms(at + timedelta(minutes=minute))
            assert is_staffed(staffed, moment_ms, trusted=True) is HOURS.staffed(moment_ms), at
        at += timedelta(hours=1)


def test_a_box_that_knows_no_settings_reads_its_loan_and_an_older_hub_is_understood() -> None:
    newer = DesiredState(3, "l-1", 5, locked=False, settings=settings_for(STANDARD, Patient()))
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(newer))[:5]
    assert msgspec.convert(older, DesiredState) == DesiredState(3, "l-1", 5)
