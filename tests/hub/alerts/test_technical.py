"""Faults of a suitcase are blue, come and go by themselves, and are silent with the loan."""

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.loans import LoanAction
from koffert_hub.meters import meters_of
from koffert_hub.technical_alerts import Cause, close_alert, raise_alert
from koffert_wire.messages import SensorLink, SensorState
from tests.hub.alerts.ward_kit import MINUTE_S, Ward


def battery(ward: Ward, sensor: str, pct: float | None) -> None:
    state = SensorState(ward.box.now(), sensor, None, SensorLink.CONNECTED, pct)
    ward.send(state)


def test_a_low_battery_is_blue_until_that_meter_has_new_ones(ward: Ward) -> None:
    battery(ward, "nonin-ble", 25.0)
    assert ward.open() == []
    battery(ward, "nonin-ble", 20.0)
    assert ward.open() == ["blue technical-battery-low"]
    battery(ward, "nonin-ble", 19.0)
    battery(ward, "vitalograph", 90.0)
    battery(ward, "nonin-ble", None)
    battery(ward, "nonin-ble", 25.0)
    assert ward.raised() == 1
    assert ward.open() == ["blue technical-battery-low"]
    battery(ward, "nonin-ble", 100.0)
    assert ward.open() == []


def test_the_newest_word_of_each_meter_is_kept(ward: Ward) -> None:
    battery(ward, "contec-v7", 80.0)
    battery(ward, "nonin-ble", 40.0)
    battery(ward, "contec-v7", 55.0)
    battery(ward, "nonin-ble", None)
    with reading(ward.store.engine) as connection:
        found = [(one.sensor, one.battery_pct) for one in meters_of(connection, ward.box.device)]
    assert found == [("contec-v7", 55.0), ("nonin-ble", 40.0)]


def test_one_that_was_taken_is_not_raised_again_while_it_stands(ward: Ward) -> None:
    battery(ward, "nonin-ble", 10.0)
    (alert,) = ward.service.desk.open_alerts()
    ward.service.desk.acknowledge(alert.id, "anne", "Anne", ward.now_ms)
    ward.service.desk.resolve(alert.id, "anne", ward.now_ms, "new batteries ordered")
    ward.wait(MINUTE_S)
    assert ward.open() == []
    assert ward.raised() == 1


def test_what_ingest_found_is_shown_and_closed_by_an_engineer(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        raise_alert(connection, "box-1", Cause.QUARANTINED, "x", now_ms=ward.now_ms)
        raise_alert(connection, "box-1", Cause.TOKEN_REUSED, "x", now_ms=ward.now_ms)
        raise_alert(connection, "box-2", Cause.QUARANTINED, "x", now_ms=ward.now_ms)
    ward.wait(1)
    assert ward.open() == ["blue technical-quarantined"]
    with ward.store.engine.begin() as connection:
        assert close_alert(connection, "box-1", Cause.QUARANTINED, now_ms=ward.now_ms)
    ward.wait(1)
    assert ward.open() == []


def test_a_clock_that_is_right_again_closes_its_alert(ward: Ward) -> None:
    with ward.store.engine.begin() as connection:
        raise_alert(connection, "box-1", Cause.WRONG_CLOCK, "x", now_ms=ward.now_ms)
    ward.wait(1)
    assert ward.open() == ["blue technical-wrong-clock"]
    ward.send(ward.spot(93.0))
    assert ward.open() == []


def test_a_fault_hides_nothing_and_is_silent_in_a_pause(ward: Ward) -> None:
    battery(ward, "nonin-ble", 10.0)
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    # Late data judges all again: the fault is none of its alerts.
    ward.send(ward.spot(81.0))
    assert ward.open() == ["blue technical-battery-low", "red spo2-low-confirmed"]
    with ward.store.engine.begin() as connection:
        registry.change_loan(connection, ward.loan().id, LoanAction.PAUSE)
    ward.wait(1)
    assert ward.open() == []
