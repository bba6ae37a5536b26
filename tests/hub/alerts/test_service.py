"""Alerts in the hub: from stored bodies to open alerts, escalation and notices."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts import tables
from koffert_hub.alerts.book import Book, Reason
from koffert_hub.alerts.civil import Shift, StaffingHours
from koffert_hub.alerts.desk import AlertDesk
from koffert_hub.alerts.escalation import Watch
from koffert_hub.alerts.history import replay, settle, unconfirmed
from koffert_hub.alerts.life import Action, WrongLife
from koffert_hub.alerts.notify import NotDelivered, Notice
from koffert_hub.alerts.records import Patient, PatientLimits
from koffert_hub.alerts.register import forget, rows_of_loan
from koffert_hub.alerts.roster import RosterEntry, keep_entry, on_call, search
from koffert_hub.alerts.service import AlertService
from koffert_hub.corrections import Chosen, correct
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.loans import LoanAction
from koffert_hub.web.alerts import AlertGone
from koffert_wire.messages import (
    Attempt,
    CallButton,
    Diary,
    Message,
    Mode,
    Reading,
    SpotContext,
)
from tests.hub.alerts.kit import rules
from tests.hub.box import NOON_NS
from tests.hub.kit import NOON_MS, Store, sqlite_store

MINUTE_S = 60
DAY_S = 86_400


class Phone:
    """Takes notices, or fails."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.rung: list[str] = []

    def send(self, notice: Notice) -> None:
        if not self.works:
            raise NotDelivered("no answer")
        self.rung.append(notice.address)


class Ward:
    """One lent box, the hub's clock, and the alert service."""

    def __init__(self, store: Store) -> None:
        self.store, self.box = store, store.box()
        self.phone, self.broken = Phone(), Phone(works=False)
        self.watch = Watch()
        self.start()
        with store.engine.begin() as connection:
            for place, name in enumerate(("anne", "berit", "carl")):
                entry = RosterEntry(
                    username=name,
                    name=name.title(),
                    skills=("KOLS", "spirometri") if name == "carl" else ("KOLS",),
                    place="Egersund",
                    place_in_line=place,
                    channels=(f"sms:{name}",),
                )
                keep_entry(connection, store.centre, entry, by=name, now_ms=NOON_MS)

    def start(self) -> None:
        """Start the service, as after a restart: nothing but the database is left of an earlier one."""
        self.service = AlertService(
            self.store.engine,
            rules(),
            watch=self.watch,
            notifiers={"sms": self.phone, "lost": self.broken},
            clock_ms=lambda: self.now_ms,
        )

    @property
    def now_ms(self) -> int:
        return self.box.wall_ns // 1_000_000

    def wait(self, seconds: float) -> None:
        self.box.wait(seconds)
        self.service.work()

    def spot(self, spo2: float | None, *, quality: float = 1.0, pulse: float = 82.0) -> Reading:
        return Reading(
            id=self.box.identifier(),
            at=self.box.now(),
            sensor="nonin-ble",
            sensor_serial=None,
            mode=Mode.SPOT,
            values={"spo2_pct": spo2, "pulse_bpm": pulse if spo2 else None},
            quality=quality,
            context=SpotContext(oxygen_l_min=0.0, at_rest=True, by_patient=True),
        )

    def send(self, *messages: Message) -> None:
        self.store.take(self.box.queue(list(messages)), at_ns=self.box.wall_ns)
        self.service.work()

    def open(self) -> list[str]:
        return [
            f"{alert.priority} {alert.reason['nb'].partition('regel ')[2].split()[0]}"
            for alert in self.service.desk.open_alerts()
        ]

    def raised(self) -> int:
        with open_reading(self.store.engine) as connection:
            return connection.execute(
                sa.select(sa.func.count()).select_from(tables.alert)
            ).scalar_one()

    def loan(self) -> registry.Loan:
        with open_reading(self.store.engine) as connection:
            assert self.box.loan is not None
            return registry.loans(connection, [self.box.loan])[self.box.loan]


@pytest.fixture(name="ward")
def fixture_ward(tmp_path: Path) -> Iterator[Ward]:
    store = sqlite_store(tmp_path)
    yield Ward(store)
    store.engine.dispose()


def red(ward: Ward) -> str:
    """Bring a confirmed red about; returns its id."""
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    assert ward.open() == ["red spo2-low-confirmed"]
    return ward.service.desk.open_alerts()[0].id


def test_two_low_readings_are_red(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    assert ward.open() == []
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    assert ward.open() == ["red spo2-low-confirmed"]


def test_without_a_repeat_the_timer_fires(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    ward.wait(10 * MINUTE_S)
    assert ward.open() == []
    ward.wait(1)
    assert ward.open() == ["red spo2-low-unconfirmed"]


def test_a_late_repeat_revises_what_was_raised_and_raises_nothing(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    queued = ward.box.queue([ward.spot(81.0)])
    ward.wait(6 * MINUTE_S)
    assert ward.open() == ["red spo2-low-unconfirmed"]
    ward.store.take(queued, at_ns=ward.box.wall_ns)
    ward.service.work()
    assert ward.open() == ["red spo2-low-confirmed"]
    assert ward.raised() == 1
    alert = ward.service.desk.open_alerts()[0].id
    assert [step.action for step in ward.service.desk.history(alert)] == [
        Action.RAISE,
        Action.REVISE,
    ]


def test_after_a_restart_nothing_is_raised_twice(ward: Ward) -> None:
    red(ward)
    for _ in range(3):
        ward.start()
        ward.service.work()
    assert ward.raised() == 1
    assert ward.open() == ["red spo2-low-confirmed"]


def test_a_timer_runs_on_over_a_restart(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    ward.start()
    ward.wait(11 * MINUTE_S)
    assert ward.open() == ["red spo2-low-unconfirmed"]


def test_duplicates_raise_nothing(ward: Ward) -> None:
    low, lower = ward.spot(82.0), ward.spot(81.0)
    ward.send(low)
    ward.wait(5 * MINUTE_S)
    ward.send(low, low)
    assert ward.open() == []
    ward.send(ward.spot(81.0))
    ward.send(low, lower)
    assert ward.raised() == 1


def test_the_call_button_and_the_diary_come_through(ward: Ward) -> None:
    ward.send(CallButton(ward.box.identifier(), ward.box.now()))
    answers = {"breathlessness_worse": True, "sputum_more": True, "sputum_colour": True}
    ward.send(Diary(ward.box.identifier(), ward.box.now(), answers))
    assert ward.open() == ["yellow deterioration-at-once"]
    ward.wait(MINUTE_S + 1)
    assert ward.open() == ["yellow deterioration-at-once", "red call-button"]


def test_three_attempts_without_a_value(ward: Ward) -> None:
    for _ in range(3):
        ward.send(Attempt(ward.box.identifier(), ward.box.now(), "nonin-ble", "no-signal"))
        ward.wait(2 * MINUTE_S)
    assert ward.open() == ["yellow cannot-measure"]


def test_gaps_of_a_continuous_meter_are_no_attempts_and_its_seconds_no_repeats(ward: Ward) -> None:
    for second in range(25):
        ward.send(ward.box.reading(None, quality=0.0), ward.box.reading(80.0))
        ward.wait(1)
        assert ward.open() == [], second
    ward.wait(40)
    ward.send(ward.box.reading(80.0))
    assert ward.open() == ["red spo2-low-confirmed"]


def test_one_takes_it_and_the_other_is_told(ward: Ward) -> None:
    alert = red(ward)
    desk = ward.service.desk
    first = desk.acknowledge(alert, "anne", "Anne", ward.now_ms, note="ringer nå")
    second = desk.acknowledge(alert, "berit", "Berit", ward.now_ms + 1)
    assert (first.first, second.first) == (True, False)
    assert second.alert.acknowledged_by == "Anne"
    assert desk.history(alert)[-1] == (ward.now_ms, Action.ACKNOWLEDGE, "anne", "ringer nå")
    with pytest.raises(AlertGone):
        desk.acknowledge("nothing", "anne", "Anne", ward.now_ms)


def test_the_version_changes_with_every_change_and_not_without(ward: Ward) -> None:
    before = ward.service.desk.version
    ward.wait(60)
    assert ward.service.desk.version == before
    alert = red(ward)
    raised = ward.service.desk.version
    ward.service.desk.acknowledge(alert, "anne", "Anne", ward.now_ms)
    assert before < raised < ward.service.desk.version


def test_what_is_over_and_taken_is_gone_and_comes_back_only_when_it_recurs(ward: Ward) -> None:
    alert = red(ward)
    ward.service.desk.acknowledge(alert, "anne", "Anne", ward.now_ms)
    ward.wait(MINUTE_S)
    ward.send(ward.spot(80.0))
    assert ward.raised() == 1
    ward.wait(30 * MINUTE_S)
    ward.send(ward.spot(94.0))
    ward.wait(16 * MINUTE_S)
    assert ward.open() == []
    red(ward)
    assert ward.raised() == 2


def test_what_is_over_and_not_taken_stays_until_someone_saw_it(ward: Ward) -> None:
    alert = red(ward)
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(94.0))
    ward.wait(20 * MINUTE_S)
    assert ward.open() == ["red spo2-low-confirmed"]
    ward.service.desk.acknowledge(alert, "anne", "Anne", ward.now_ms)
    assert ward.open() == []


def test_a_snooze_is_capped_wakes_and_never_covers_red(ward: Ward) -> None:
    ward.send(ward.spot(94.0, pulse=118.0))
    (alert,) = ward.service.desk.open_alerts()
    ward.service.desk.snooze(alert.id, "anne", ward.now_ms, ward.now_ms + 48 * 3_600_000)
    ward.wait(8 * 3_600 - 1)
    history = ward.service.desk.history
    assert history(alert.id)[-1].action is Action.SNOOZE
    ward.wait(1)
    assert history(alert.id)[-1].action is Action.WAKE
    with pytest.raises(WrongLife):
        ward.service.desk.snooze(red_of(ward), "anne", ward.now_ms, ward.now_ms + 1)


def red_of(ward: Ward) -> str:
    ward.send(ward.spot(82.0, pulse=118.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0, pulse=118.0))
    return next(one.id for one in ward.service.desk.open_alerts() if one.priority == "red")


def test_a_doctors_limits_hold_from_then_on(ward: Ward) -> None:
    limits = PatientLimits(spo2_floor_pct=79)
    with ward.store.engine.begin() as connection:
        patient = Patient(spo2_scale=2, limits=limits)
        settle(connection, ward.loan().patient, patient, "Testlege 1", now_ms=ward.now_ms)
        with pytest.raises(ValueError, match="doctor's name"):
            settle(connection, ward.loan().patient, patient, " ", now_ms=ward.now_ms)
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    assert ward.open() == ["yellow spo2-low-single"]


def test_a_correction_in_the_log_takes_the_alert_back(ward: Ward) -> None:
    ward.send(low := ward.spot(82.0))
    body_sequence = ward.store.records()[-1].sequence
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    (alert,) = ward.service.desk.open_alerts()
    with ward.store.engine.begin() as connection:
        patient, chosen = ward.loan().patient, [Chosen(body_sequence, low.id)]
        correct(connection, patient, chosen, Reason.INVALID, "nurse", now_ms=ward.now_ms)
    ward.service.work()
    assert Action.REVISE in [step.action for step in ward.service.desk.history(alert.id)]


def test_not_this_patient_takes_the_alert_back(ward: Ward) -> None:
    ward.send(low := ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    (alert,) = ward.service.desk.open_alerts()
    with ward.store.engine.begin() as connection:
        assert Book(rules()).correct(
            connection, ward.loan(), low.id.hex(), Reason.NOT_THIS_PATIENT, now_ms=ward.now_ms
        )
        assert not Book(rules()).correct(
            connection, ward.loan(), "ff" * 16, Reason.INVALID, now_ms=ward.now_ms
        )
    ward.service.tick()
    assert Action.REVISE in [step.action for step in ward.service.desk.history(alert.id)]
    assert ward.store.records()[-1].event == "correction"
    assert ward.store.records()[-1].detail == "not-this-patient"


def test_a_silent_case_is_blue_until_it_speaks(ward: Ward) -> None:
    ward.send(ward.spot(94.0))
    ward.wait(DAY_S + 2 * 3_600 + 1)
    assert ward.open() == ["blue no-data"]
    ward.wait(DAY_S)
    assert ward.raised() == 1
    ward.send(ward.spot(94.0))
    assert ward.open() == []


def test_a_case_that_never_spoke_is_blue_too(ward: Ward) -> None:
    ward.wait(2 * DAY_S)
    assert ward.open() == ["blue no-data"]


@pytest.mark.parametrize("ends", [True, False])
def test_a_loan_that_ended_or_is_paused_is_silent(ward: Ward, ends: bool) -> None:  # noqa: FBT001
    red(ward)
    with ward.store.engine.begin() as connection:
        if ends:
            registry.end_loan(connection, ward.loan().id, now_ms=ward.now_ms)
        else:
            registry.change_loan(connection, ward.loan().id, LoanAction.PAUSE)
    ward.wait(1)
    assert ward.open() == []
    ward.wait(3 * DAY_S)
    ward.send(ward.spot(79.0))
    ward.wait(11 * MINUTE_S)
    assert ward.open() == []


def test_a_red_that_nobody_takes_goes_down_the_list(ward: Ward) -> None:
    red(ward)
    ward.service.deliver()
    assert ward.phone.rung == []
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["anne"]
    ward.start()  # killed in the middle
    ward.wait(3 * MINUTE_S)
    ward.service.deliver()
    ward.service.deliver()
    assert ward.phone.rung == ["anne", "berit"]
    ward.wait(60 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["anne", "berit"]


def test_a_taken_red_rings_nobody(ward: Ward) -> None:
    ward.service.desk.acknowledge(red(ward), "anne", "Anne", ward.now_ms)
    ward.wait(10 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == []


def test_a_notice_that_fails_goes_to_the_next_at_once(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        lost = RosterEntry(
            username="anne", name="Anne", place_in_line=0, channels=("lost:anne", "sms:anne")
        )
        keep_entry(connection, ward.store.centre, lost, by="anne", now_ms=NOON_MS)
    red(ward)
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    ward.service.deliver()
    assert ward.phone.rung == ["berit"]


def test_outside_staffing_hours_the_named_telephone_rings_at_once(ward: Ward) -> None:
    ward.watch = Watch(StaffingHours(sunday=Shift(time(1), time(2))), "sms:vakttelefon")
    ward.start()
    red(ward)
    ward.service.deliver()
    assert ward.phone.rung == ["vakttelefon"]


def test_the_roster_is_ones_own_and_searchable(ward: Ward) -> None:
    entries = [
        RosterEntry(username="a", name="Åse", skills=("KOLS",), place_in_line=2, channels=("sms:1",)),
        RosterEntry(
            username="b", name="Bo", skills=("hjerte",), place_in_line=1, channels=("sms:2",),
            available_until_ms=100,
        ),
        RosterEntry(username="c", name="Cato", skills=("KOLS",), place="Sokndal"),
    ]  # fmt: skip
    assert [one.username for one in on_call(entries, 50)] == ["b", "a"]
    assert [one.username for one in on_call(entries, 100)] == ["a"]
    assert [one.username for one in search(entries, "kols sokn", 0)] == ["c"]
    with (
        ward.store.engine.begin() as connection,
        pytest.raises(PermissionError),
    ):
        keep_entry(connection, ward.store.centre, entries[0], by="b", now_ms=0)


def test_a_first_red_reading_is_seen_at_once_as_unconfirmed(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    with open_reading(ward.store.engine) as connection:
        (waiting,) = unconfirmed(connection)
    assert (waiting.cause, waiting.value) == ("spo2_low", 82.0)
    assert waiting.until_ms - waiting.since_ms == 600_000
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    with open_reading(ward.store.engine) as connection:
        assert unconfirmed(connection) == []


def test_an_answered_call_is_not_red(ward: Ward) -> None:
    ward.send(CallButton(ward.box.identifier(), ward.box.now()))
    ward.wait(30)
    loan = ward.loan()
    with ward.store.engine.begin() as connection:
        assert Book(rules()).answer_call(connection, loan, now_ms=ward.now_ms)
    ward.wait(5 * MINUTE_S)
    assert ward.open() == []


def test_a_replay_gives_the_same_alerts(ward: Ward) -> None:
    red(ward)
    ward.wait(3_600)
    ward.send(ward.spot(94.0, pulse=118.0))
    with open_reading(ward.store.engine) as connection:
        again = replay(
            connection, rules(), ward.loan().patient, since_ms=NOON_MS, until_ms=ward.now_ms
        )
        kept = rows_of_loan(connection, ward.loan().id)
    assert [one.text_nb for one in again] == [row.alert.text_nb for row in kept]
    assert [one.cause for one in again] == ["spo2_low", "pulse_high"]


def test_erasing_leaves_nothing(ward: Ward) -> None:
    red(ward)
    ward.wait(2 * MINUTE_S)
    patient = ward.loan().patient
    with ward.store.engine.begin() as connection:
        settle(connection, patient, Patient(), "Testlege 1", now_ms=ward.now_ms)
        forget(connection, patient)
        for name, table in tables.alert.metadata.tables.items():
            if name.startswith("alert"):
                assert connection.execute(sa.select(table)).all() == [], name


KILLED = """
import os, sys
from pathlib import Path
from tests.hub.alerts.test_service import killed_while_judging
killed_while_judging(Path(sys.argv[1]))
"""


def killed_while_judging(folder: Path) -> None:
    """Judge, and die before the commit."""
    engine = open_database(f"sqlite:///{folder / 'hub.sqlite'}")
    sa.event.listen(engine, "commit", lambda _connection: os.kill(os.getpid(), 9))
    late_ms = NOON_MS + 3_600_000
    AlertService(engine, rules(), watch=Watch(), notifiers={}, clock_ms=lambda: late_ms).follow()


def test_killed_between_reading_and_alert_it_is_raised_once(ward: Ward, tmp_path: Path) -> None:
    box = ward.box
    ward.store.take(box.queue([ward.spot(82.0)]), at_ns=NOON_NS)
    box.wait(300)
    ward.store.take(box.queue([ward.spot(81.0)]), at_ns=box.wall_ns)
    for _ in range(2):
        died = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            check=False,
            cwd=Path(__file__).resolve().parents[3],
        )
        assert died.returncode == -9
        assert ward.raised() == 0
    ward.service.work()
    assert ward.open() == ["red spo2-low-confirmed"]
    ward.start()
    ward.service.work()
    assert ward.raised() == 1


def test_the_desk_of_an_empty_hub_is_empty(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    desk = AlertDesk(store.engine, rules().escalation, on_change=lambda: None)
    assert desk.open_alerts() == ()
    store.engine.dispose()
