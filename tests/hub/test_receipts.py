"""When boxes are told what was stored, and how fast they may drain. Times are numbers here."""

import os

from koffert_hub.filing import Answer, Batch
from koffert_hub.receipts import DRAIN_BYTES_S, HOLD_S, Due, Receipts
from koffert_wire.errors import Reason

KEY = bytes(32)
LIGHT, HEAVY = 500, 5_000


class Hub:
    """Commits, one box and one transmission each unless said otherwise."""

    def __init__(self) -> None:
        self.receipts = Receipts()
        self.sequence = 0

    def commit(
        self,
        at_s: float,
        *devices: str,
        weight: int = LIGHT,
        at_once: bool = False,
        retry: bool = False,
        draining: bool = False,
        idle: bool = False,
    ) -> list[Due]:
        self.sequence += 1
        one = os.urandom(16)
        answer = Answer([], [(one, Reason.UNKNOWN_KEY)]) if retry else Answer([one], [])
        batch = Batch(
            dict.fromkeys(devices, answer),
            b"e" * 16,
            self.sequence,
            bytes(32),
            dict.fromkeys(devices, KEY),
            1,
            draining=frozenset(devices if draining else ()),
            idle=frozenset(devices if idle else ()),
        )
        return self.receipts.add(batch, dict.fromkeys(devices, weight), at_s, at_once=at_once)


def test_the_first_is_told_at_once_and_a_stream_is_told_together() -> None:
    hub = Hub()
    (first,) = hub.commit(100.0, "box-1")
    assert len(first.answer.stored) == 1
    assert not any(hub.commit(100.0 + tenth / 10, "box-1") for tenth in range(1, 8))
    assert hub.receipts.due(100.0 + HOLD_S - 0.1) == []
    (second,) = hub.receipts.due(100.0 + HOLD_S)
    assert len(second.answer.stored) == 7
    assert second.log_sequence == hub.sequence, "never below the record of any of them"
    assert hub.receipts.due(1e6) == []


def test_a_box_that_is_told_waits_for_nobody_else() -> None:
    hub = Hub()
    hub.commit(100.0, "box-1")
    assert [due.device for due in hub.commit(100.1, "box-1", "box-2")] == ["box-2"]


def test_what_belongs_to_no_loan_is_told_at_once_with_what_was_held() -> None:
    """The box is to be wiped next, and may be only when it has heard of everything."""
    hub = Hub()
    hub.commit(100.0, "box-1")
    hub.commit(100.1, "box-1")
    (due,) = hub.commit(100.2, "box-1", idle=True)
    assert len(due.answer.stored) == 2


def test_a_drain_never_waits_for_its_receipts() -> None:
    hub = Hub()
    hub.commit(100.0, "box-1")
    told = [len(hub.commit(100.0, "box-1", weight=HEAVY)) for _ in range(5)]
    assert told == [1] * 5


def test_an_alarm_and_what_is_refused_are_told_at_once_with_what_was_held() -> None:
    hub = Hub()
    for changed in ({"at_once": True}, {"retry": True}):
        hub.commit(100.0, "box-1")
        hub.commit(100.1, "box-1")
        (due,) = hub.commit(100.2, "box-1", **changed)
        assert len(due.answer.stored) + len(due.answer.retry_later) >= 2


def test_an_unknown_box_is_told_nothing() -> None:
    batch = Batch({"box-1": Answer([b"a" * 16], [])}, b"e" * 16, 1, bytes(32), {}, 1)
    assert Receipts().add(batch, {}, 1.0, at_once=True) == []


def test_boxes_with_a_backlog_share_what_the_hub_takes() -> None:
    hub = Hub()
    (alone,) = hub.commit(100.0, "box-1", draining=True)
    assert alone.drain_bytes_s == DRAIN_BYTES_S
    four = hub.commit(101.0, "box-2", "box-3", "box-4", draining=True)
    assert [due.drain_bytes_s for due in four] == [DRAIN_BYTES_S // 4] * 3
    (live,) = hub.commit(101.0, "box-5")
    assert live.drain_bytes_s is None
    hub.receipts.due(200.0)
    (drained,) = hub.commit(200.0, "box-1")
    assert drained.drain_bytes_s is None


def test_however_many_drain_each_backlog_moves() -> None:
    hub = Hub()
    due = hub.commit(100.0, *(f"box-{number}" for number in range(5_000)), draining=True)
    assert {each.drain_bytes_s for each in due} == {500}
