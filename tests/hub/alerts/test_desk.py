"""What people do with alerts, and when alerts end."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts.book import Book
from koffert_hub.alerts.card import Card, write_card
from koffert_hub.alerts.desk import AlertDesk
from koffert_hub.alerts.life import Action, WrongLife
from koffert_hub.alerts.register import change
from koffert_hub.alerts.ward import AlertGone
from koffert_hub.loans import LoanAction
from tests.hub.alerts.kit import rules
from tests.hub.alerts.ward_kit import DAY_S, MINUTE_S, Ward, red
from tests.hub.kit import sqlite_store
from tests.web.hub import wait_until


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


def test_of_two_in_the_same_moment_the_second_is_told_who_was_first(ward: Ward) -> None:
    alert, engine = red(ward), ward.store.engine
    with ThreadPoolExecutor(1) as other:
        with engine.begin() as connection:
            change(connection, alert, Action.ACKNOWLEDGE, at_ms=1, by="anne", name="Anne")
            desk = ward.service.desk
            second = other.submit(desk.acknowledge, alert, "berit", "Berit", ward.now_ms)
            # PostgreSQL lets it look, and stops it at the change; SQLite lets it begin only afterwards.
            if engine.dialect.name == "postgresql":
                wait_until(lambda: _waits_for_a_lock(connection))
        taken = second.result(timeout=30)
    assert (taken.first, taken.alert.acknowledged_by) == (False, "Anne")


def _waits_for_a_lock(connection: sa.Connection) -> bool:
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(connection.execute(waiting).scalar_one())


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


def red_of(ward: Ward) -> str:
    ward.send(ward.spot(82.0, pulse=118.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0, pulse=118.0))
    return next(one.id for one in ward.service.desk.open_alerts() if one.priority == "red")


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


def test_a_call_is_seen_at_once_and_taking_it_answers_it(ward: Ward) -> None:
    press = ward.press()
    (call,) = ward.service.desk.open_alerts()
    assert (call.priority, call.waiting, call.takeable) == ("yellow", True, True)
    ward.wait(30)
    taken = ward.service.desk.acknowledge(call.id, "anne", "Anne", ward.now_ms)
    assert (taken.first, taken.alert.acknowledged_by) == (True, "Anne")
    assert ward.told == [press]
    with pytest.raises(AlertGone):
        ward.service.desk.acknowledge(call.id, "berit", "Berit", ward.now_ms)
    ward.wait(5 * MINUTE_S)
    assert ward.service.desk.open_alerts() == ()
    assert ward.raised() == 0


def test_taking_a_red_call_tells_the_patient_too(ward: Ward) -> None:
    press = ward.press()
    ward.wait(MINUTE_S + 1)
    (call,) = ward.service.desk.open_alerts()
    assert (call.priority, call.waiting) == ("red", False)
    assert ward.told == []
    ward.service.desk.acknowledge(call.id, "anne", "Anne", ward.now_ms)
    assert ward.told == [press]


def test_a_call_during_a_pause_is_seen_and_becomes_red(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        registry.change_loan(connection, ward.loan().id, LoanAction.PAUSE)
    press = ward.press()
    ward.send(ward.spot(79.0))
    (call,) = ward.service.desk.open_alerts()
    assert (call.waiting, call.takeable) == (True, True)
    ward.wait(MINUTE_S + 1)
    (call,) = ward.service.desk.open_alerts()
    assert (call.priority, call.waiting) == ("red", False)
    ward.service.desk.acknowledge(call.id, "anne", "Anne", ward.now_ms)
    assert ward.told == [press]


def test_a_first_red_reading_is_seen_at_once_and_cannot_be_taken(ward: Ward) -> None:
    ward.send(ward.spot(82.5))
    (waiting,) = ward.service.desk.open_alerts()
    assert (waiting.priority, waiting.waiting, waiting.takeable) == ("yellow", True, False)
    assert waiting.reason["nb"].startswith("SpO₂ 82,5 %, forbi rød grense, ikke bekreftet ennå")
    assert waiting.reason["en"].startswith("SpO₂ 82.5 %")
    with pytest.raises(AlertGone):
        ward.service.desk.acknowledge(waiting.id, "anne", "Anne", ward.now_ms)
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(94.0))
    assert ward.service.desk.open_alerts() == ()


def test_nothing_waits_where_a_loan_is_paused(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    with ward.store.engine.begin() as connection:
        registry.change_loan(connection, ward.loan().id, LoanAction.PAUSE)
    ward.wait(1)
    assert ward.service.desk.open_alerts() == ()


def test_an_alert_carries_the_vip_card(ward: Ward) -> None:
    card = Card(fast_track=True, preferred_ward="Lungeposten")
    with ward.store.engine.begin() as connection:
        write_card(connection, ward.loan().patient, card, "Lege Test", now_ms=ward.now_ms)
    red(ward)
    assert [one.card for one in ward.service.desk.open_alerts()] == [card]


def test_the_desk_of_an_empty_hub_is_empty(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    desk = AlertDesk(store.engine, Book(rules()), Lock(), lambda *_: None)
    assert desk.open_alerts() == ()
    store.engine.dispose()
