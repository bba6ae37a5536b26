"""The live stream as a browser reads it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from koffert_hub.alerts.records import Priority
from koffert_hub.live import RING_EVENTS, LiveEvent
from koffert_hub.registry import Role
from tests.web.hub import Hub, client, place

# What comes at once or each second; a machine busy with other tests takes its time.
LATE_MS = 15_000


class Event(NamedTuple):
    """One server-sent event."""

    name: str
    id: str
    data: Any


@contextmanager
def _stream(hub: Hub, last_id: str | None = None, query: str = "") -> Iterator[Iterator[Event]]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    visitor = client(hub, Role.NURSE)
    with visitor.stream("GET", f"/api/v1/live{query}", headers=headers, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


def _until(events: Iterator[Event], name: str) -> Event:
    return next(event for event in events if event.name == name)


def test_a_new_reader_gets_the_time_then_everybody(hub: Hub) -> None:
    hub.admit("Testpasient 1", "Testpasient 2")
    hub.publish("Testpasient 1", spo2_pct=88.0)
    with _stream(hub) as events:
        first, second, third = next(events), next(events), next(events)
        assert first.name == "heartbeat"
        assert abs(first.data["server_ms"] - hub.now_ms()) < LATE_MS
        assert (second.name, second.data) == ("alerts", [])
        assert (third.name, third.id) == ("snapshot", "1")
        assert [row["spo2_pct"] for row in third.data["rows"]] == [88.0, None]


def test_a_reading_is_pushed_with_its_log_sequence(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    with _stream(hub) as events:
        _until(events, "snapshot")
        row = hub.publish("Testpasient 1", spo2_pct=81.0)
        event = _until(events, "reading")
    assert event.id == "1"
    assert event.data["spo2_pct"] == 81.0
    assert event.data["measured_at_ms"] == row.measured_at_ms


def test_hearts_beat_while_nothing_happens(hub: Hub) -> None:
    with _stream(hub) as events:
        beats = [_until(events, "heartbeat").data["server_ms"] for _ in range(3)]
    assert 1800 <= beats[2] - beats[0] < LATE_MS


def test_hearts_beat_while_much_happens(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    with _stream(hub) as events:
        _until(events, "snapshot")
        started_ms = hub.now_ms()
        while hub.now_ms() < started_ms + 1500:
            hub.publish("Testpasient 1")
        assert _until(events, "heartbeat").data["server_ms"] >= started_ms


def test_after_a_break_only_what_was_missed_is_sent(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    for _ in range(3):
        hub.publish("Testpasient 1")
    with _stream(hub, last_id="1") as events:
        assert [next(events).id for _ in range(4)] == ["", "", "2", "3"]
    with _stream(hub, query="?after=2") as events:
        assert [next(events).id for _ in range(3)] == ["", "", "3"]


def test_who_missed_too_much_starts_again(hub: Hub) -> None:
    hub.admit("Testpasient 1")

    def flood() -> None:
        for _ in range(RING_EVENTS + 2):
            hub.sequence += 1
            hub.feed.publish(LiveEvent(hub.sequence, place("Testpasient 1")))

    hub.publish("Testpasient 1")
    hub.on_loop(flood)
    for last_id in ("1", "999999999"):
        with _stream(hub, last_id=last_id) as events:
            names = [next(events).name for _ in range(4)]
            assert names == ["heartbeat", "alerts", "resync", "snapshot"]


def test_an_id_that_is_none_means_from_the_start(hub: Hub) -> None:
    for last_id in ("", "-1", "abc", "9" * 40, "²"):
        with _stream(hub, query=f"?after={last_id}") as events:
            assert [next(events).name for _ in range(3)] == ["heartbeat", "alerts", "snapshot"]


def test_everybody_is_sent_again_when_the_ward_changes(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    with _stream(hub) as events:
        _until(events, "snapshot")
        hub.admit("Testpasient 2")
        rows = _until(events, "snapshot").data["rows"]
    assert [row["display_name"] for row in rows] == ["Testpasient 2"]


def test_every_open_alert_is_told_at_once_and_whenever_one_changes(hub: Hub) -> None:
    hub.board.raise_alert("a1", "p-1", Priority.YELLOW, raised_ms=1)
    with _stream(hub) as events:
        assert [alert["id"] for alert in _until(events, "alerts").data] == ["a1"]
        _until(events, "snapshot")
        hub.board.raise_alert("a2", "p-2", Priority.RED, raised_ms=2)
        told_ms = hub.now_ms()
        assert [alert["priority"] for alert in _until(events, "alerts").data] == ["yellow", "red"]
        assert hub.now_ms() - told_ms < LATE_MS
