"""Who is told of a red that nobody takes."""

from datetime import time

import pytest

from koffert_hub.alerts.civil import Shift, StaffingHours
from koffert_hub.alerts.escalation import Watch
from koffert_hub.alerts.life import Action
from koffert_hub.alerts.roster import RosterEntry, keep_entry, on_call, search
from koffert_hub.log_record import Event
from tests.hub.alerts.ward_kit import MINUTE_S, Ward, red
from tests.hub.kit import NOON_MS


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
            username="anne", name="Anne", place_in_line=0, channels=("lost:anne", "lost:home")
        )
        keep_entry(connection, ward.store.centre, lost, by="anne", now_ms=NOON_MS)
    red(ward)
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    ward.service.tick()
    ward.service.deliver()
    assert ward.phone.rung == ["berit"]
    # Who could not be reached does not count: five minutes on, the one after her is told.
    ward.wait(3 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["berit", "carl"]


def test_every_step_is_in_the_log_without_names_and_values(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        lost = RosterEntry(username="anne", name="Anne", place_in_line=0, channels=("lost:anne",))
        keep_entry(connection, ward.store.centre, lost, by="anne", now_ms=NOON_MS)
    alert = red(ward)
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    ward.service.tick()
    ward.service.deliver()
    logged = [one for one in ward.store.records() if one.event is Event.NOTICE]
    assert [(one.result, one.detail) for one in logged] == [
        ("done", f"{alert}-0"),
        ("refused", f"{alert}-0"),
        ("done", f"{alert}-1"),
        ("sent", f"{alert}-1"),
    ]
    assert {(one.patient, one.loan) for one in logged} == {(ward.loan().patient, ward.loan().id)}
    assert "anne" not in repr(logged)


def test_a_provider_that_is_down_is_asked_each_minute_and_not_each_second(ward: Ward) -> None:
    ward.phone.works = False
    alert = red(ward)
    ward.wait(2 * MINUTE_S)
    for _ in range(30):
        ward.service.deliver()
        ward.wait(1)
    tried = [one for one in ward.store.records() if one.result == "refused"]
    assert len(tried) == 3
    ward.phone.works = True
    ward.wait(MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["anne"]
    assert ward.service.desk.history(alert)[-1].action is Action.ESCALATE


def test_outside_staffing_hours_the_named_telephone_rings_at_once(ward: Ward) -> None:
    ward.watch = Watch(StaffingHours(sunday=Shift(time(1), time(2))), "sms:vakttelefon")
    ward.start()
    red(ward)
    ward.service.deliver()
    assert ward.phone.rung == ["vakttelefon"]


def test_a_call_that_nobody_answers_rings_the_on_call_telephone_at_once(ward: Ward) -> None:
    ward.watch = Watch(named_telephone="sms:vakttelefon")
    ward.start()
    ward.press()
    ward.wait(MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == []
    ward.wait(1)
    ward.service.deliver()
    assert ward.phone.rung == ["vakttelefon"]
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["vakttelefon", "anne"]


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


def test_a_person_is_told_on_every_channel_and_counts_as_reached_by_one(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        anne = RosterEntry(
            username="anne", name="Anne", place_in_line=0, channels=("lost:anne", "sms:anne-2")
        )
        keep_entry(connection, ward.store.centre, anne, by="anne", now_ms=NOON_MS)
    red(ward)
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["anne-2"]
    # She was reached: nobody else is told before five minutes have passed.
    ward.wait(2 * MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["anne-2"]
    ward.wait(MINUTE_S)
    ward.service.deliver()
    assert ward.phone.rung == ["anne-2", "berit"]
