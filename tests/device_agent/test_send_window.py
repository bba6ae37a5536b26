"""What may be on its way: priorities, the pace of the link, back-off. Times are numbers here."""

import os

from hypothesis import given
from hypothesis import strategies as st

from koffert_agent.outbox.records import Row
from koffert_agent.send_window import STREAMS, SendWindow, Stream
from koffert_wire.envelope import Sealed
from koffert_wire.topics import Lane

LIVE = Stream(Lane.VITALS, live=True)
BACKLOG = Stream(Lane.VITALS, live=False)
BULK = Stream(Lane.BULK, live=False)
FLOOR_BYTES, CEILING_BYTES = 8192, 32_768
# What a row of 400 B weighs on the link.
ROW_BYTES = 573


class Link:
    """A window and rows to put into it."""

    def __init__(self) -> None:
        self.window = SendWindow(lambda: 0.5)
        self.number = 0

    def send(self, stream: Stream, size: int = 400) -> Row:
        self.number += 1
        sealed = Sealed(b"", bytes(size))
        row = Row(self.number, os.urandom(16), stream.lane, self.number, sealed)
        self.window.sent(0, row, stream)
        return row

    def fill(self, stream: Stream, size: int = 400) -> int:
        sent = 0
        while self.window.room_rows(stream) > 0 and self.window.fits(stream, size):
            self.send(stream, size)
            sent += size
        return sent


def test_alarms_then_vitals_then_bulk_and_live_before_backlog() -> None:
    assert [(stream.lane, stream.live) for stream in STREAMS] == [
        (lane, live) for lane in Lane for live in (True, False)
    ]


def test_what_is_paced_shares_one_second_of_a_slow_link() -> None:
    link = Link()
    assert link.fill(BACKLOG) + link.fill(BULK) <= FLOOR_BYTES
    assert not link.window.fits(BULK, 400)
    assert link.window.fits(LIVE, 400)


def test_a_row_larger_than_the_floor_goes_alone() -> None:
    link = Link()
    assert link.window.fits(BULK, 20_000)
    link.send(BULK, 20_000)
    assert not link.window.fits(BULK, 1)


def test_the_pace_follows_what_the_link_carried_in_the_last_second() -> None:
    link = Link()
    rows = [link.send(BULK, 10_000) for _ in range(2)]
    for row in rows:
        link.window.receipted(row.id, 0.5)
    link.window.advance(0.6)
    assert link.fill(BULK, 1000) == 17_000  # each weighs 1,173
    link.window.advance(5.0)
    assert link.window.room_rows(BULK) == 0


def test_a_fast_link_that_turns_slow_has_little_before_it() -> None:
    link = Link()
    for row in [link.send(BULK, 10_000) for _ in range(20)]:
        link.window.receipted(row.id, 0.5)
    assert CEILING_BYTES - ROW_BYTES < link.fill(BULK) / 400 * ROW_BYTES <= CEILING_BYTES


def test_what_the_broker_does_not_have_is_left_to_tcp() -> None:
    link = Link()
    row = link.send(LIVE)
    assert link.window.overdue(1e6, 10) == []
    link.window.taken(row.id, 50.0)
    assert link.window.next_due_s(50.0) == 80.0


def test_no_receipt_means_again_later_and_later() -> None:
    link = Link()
    row = link.send(LIVE)
    waits, now_s = [], 0.0
    for _ in range(8):
        link.window.taken(row.id, now_s)
        due_s = link.window.next_due_s(now_s)
        waits.append(due_s - now_s)
        now_s = due_s
        assert link.window.overdue(now_s, 10) == [(0, 1)]
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]


def test_retry_later_backs_off_to_hourly_and_frees_the_window() -> None:
    link = Link()
    row = link.send(BACKLOG, FLOOR_BYTES)
    assert link.window.room_rows(BACKLOG) == 0
    now_s = 0.0
    for _ in range(10):
        link.window.put_off(row.id, now_s)
        assert link.window.room_rows(BACKLOG) > 0
        wait_s, now_s = link.window.next_due_s(now_s) - now_s, link.window.next_due_s(now_s)
        link.window.overdue(now_s, 10)
    assert 1800 <= wait_s <= 3600


def test_what_was_put_off_comes_back_at_the_pace_of_the_link() -> None:
    link = Link()
    for _ in range(100):
        link.window.put_off(link.send(BACKLOG).id, 0)
    link.window.hurry(1.0, within_s=1.0)
    assert len(link.window.overdue(5.0, 100)) == FLOOR_BYTES // ROW_BYTES
    assert link.window.next_due_s(5.0) > 5.0


def test_a_hub_that_wants_nothing_is_not_sent_everything() -> None:
    link = Link()
    for _ in range(2000):
        if link.window.room_rows(BACKLOG) <= 0:
            break
        link.window.put_off(link.send(BACKLOG).id, 0)
    assert link.window.deferred == 1024 == len(link.window)
    assert link.window.room_rows(Stream(Lane.ALARM, live=True)) > 0


def test_a_hub_that_takes_something_again_is_offered_the_rest() -> None:
    link = Link()
    rows = [link.send(BACKLOG) for _ in range(3)]
    for row in rows[1:]:
        link.window.put_off(row.id, 0)
    assert not link.window.overdue(8, 10)
    link.window.receipted(rows[0].id, 8)
    assert len(link.window.overdue(13, 10)) == 2


def test_a_hub_that_comes_back_gets_all_within_the_jitter() -> None:
    link = Link()
    link.window.put_off(link.send(LIVE).id, 0)
    link.send(BULK)
    link.window.hurry(1.0, within_s=5.0)
    assert len(link.window.overdue(6.0, 10)) == 2


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["send", "take", "receipt", "defer", "overdue", "vanish"]),
            st.integers(0),
        ),
        max_size=60,
    )
)
def test_the_books_balance_whatever_happens(steps: list[tuple[str, int]]) -> None:
    link, rows, now_s = Link(), list[Row](), 0.0
    for what, chance in steps:
        now_s += 3.0
        link.window.advance(now_s)
        if what == "send":
            rows.append(link.send(STREAMS[chance % len(STREAMS)]))
        elif what == "overdue":
            link.window.overdue(now_s, 5)
        elif rows:
            row = rows[chance % len(rows)]
            if what == "receipt":
                link.window.receipted(row.id, now_s)
            elif what == "take":
                link.window.taken(row.id, now_s)
            elif what == "defer":
                link.window.put_off(row.id, now_s)
            else:
                link.window.vanished(0, row.number)
    for row in rows:
        link.window.receipted(row.id, now_s)
        assert not link.window.holds(0, row.number)
    link.window.advance(now_s + 10)
    assert (len(link.window), link.window.deferred) == (0, 0)
    assert link.fill(BULK) <= FLOOR_BYTES
    assert link.fill(LIVE) == 16 * 400


def test_the_hub_says_how_fast_a_backlog_drains_and_live_rows_do_not_mind() -> None:
    link, sent_bytes = Link(), 0
    link.window.pace(2_000)
    for second in range(10):
        link.window.advance(float(second))
        while link.window.room_rows(BACKLOG) > 0 and link.window.fits(BACKLOG, 400):
            row = link.send(BACKLOG)
            link.window.receipted(row.id, float(second))
            sent_bytes += ROW_BYTES
        assert link.window.fits(LIVE, 400)
        assert link.window.fits(Stream(Lane.BULK, live=True), 400)
        assert link.window.fits(Stream(Lane.ALARM, live=False), 400)
    assert 9 * 2_000 - ROW_BYTES <= sent_bytes <= 10 * 2_000 + ROW_BYTES
    link.window.pace(None)
    assert link.fill(BACKLOG) > 2 * 2_000
