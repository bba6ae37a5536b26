"""A red that nobody takes goes to the next on the list: planned in the database first, then sent.

Outside staffing hours, and for a call that nobody has answered, the first notice goes out at once, to the
centre's named telephone if there is one.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.alerts import roster, tables
from koffert_hub.alerts.civil import StaffingHours
from koffert_hub.alerts.life import Action
from koffert_hub.alerts.records import CALL_BUTTON
from koffert_hub.alerts.register import Row, untaken_reds
from koffert_hub.alerts.rules import Escalation
from koffert_hub.log_record import Event, Result
from koffert_hub.transmission_log import LogWriter, draft

# A provider that is down is not asked each second.
AGAIN_MS = 60_000


class Watch(Struct, frozen=True):
    """How a centre is watched: its hours, and who is rung first outside them (a channel, or None)."""

    hours: StaffingHours | None = None
    named_telephone: str | None = None


def plan(connection: sa.Connection, rules: Escalation, watch: Watch, *, now_ms: int) -> list[str]:
    """Write down the notices that are due now, each once; returns their ids.

    A person is told on all channels at once. Who was reached on none counts as nobody: the next on the list is told.
    When the whole list has been tried it begins anew, a minute after the last failure.
    """
    planned: list[str] = []
    failed = _failures(connection)
    for row in untaken_reds(connection):
        failures, last_ms = failed.get(row.id, (0, 0))
        due = sum(now_ms >= row.opened_ms + after for after in _steps_ms(rules, watch, row))
        missing = due - (row.step - failures)
        if missing <= 0:
            continue
        line = on_the_line(connection, watch, row, now_ms=now_ms)
        if failures and row.step >= len(line) and now_ms - last_ms < AGAIN_MS:
            continue
        for step in range(row.step, row.step + missing):
            planned += _take_step(connection, line, row._replace(step=step), now_ms=now_ms)
    return planned


def on_the_line(
    connection: sa.Connection, watch: Watch, row: Row, *, now_ms: int
) -> list[tuple[str, ...]]:
    """Who is told of this alert, one after another, each on all channels."""
    line = [
        entry.channels for entry in roster.on_call(roster.entries(connection, row.centre), now_ms)
    ]
    on_duty = row.alert.cause == CALL_BUTTON or _unwatched(watch, now_ms)
    if on_duty and watch.named_telephone is not None:
        line.insert(0, (watch.named_telephone,))
    return line


def note_outcome(
    connection: sa.Connection, notice: str, row: Row, *, now_ms: int, failure: str | None = None
) -> None:
    """The notice went out, or `failure` says why not: kept with it, in the alert's life and in the log."""
    table = tables.alert_notice
    values = {"sent_ms": now_ms} if failure is None else {"failed_ms": now_ms, "reason": failure}
    connection.execute(table.update().where(table.c.id == notice).values(values))
    if failure is not None:
        _note_change(connection, row, f"not delivered: {failure}", now_ms=now_ms)
    result = Result.SENT if failure is None else Result.REFUSED
    _log(connection, row, result, notice, now_ms=now_ms)


def _failures(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """Of each unresolved alert: how many people it did not reach on any channel, and when the last attempt failed."""
    notice, alert = tables.alert_notice.c, tables.alert
    unreached = (
        sa.select(notice.alert, sa.func.max(notice.failed_ms).label("failed_ms"))
        .join(alert, alert.c.id == notice.alert)
        .where(alert.c.resolved_ms.is_(None))
        .group_by(notice.alert, notice.step)
        .having(sa.func.count() == sa.func.count(notice.failed_ms))
        .subquery()
    )
    rows = connection.execute(
        sa.select(unreached.c.alert, sa.func.count(), sa.func.max(unreached.c.failed_ms)).group_by(
            unreached.c.alert
        )
    )
    return {identifier: (int(count), int(last_ms)) for identifier, count, last_ms in rows}


def _steps_ms(rules: Escalation, watch: Watch, row: Row) -> Sequence[int]:
    later = [round(seconds * 1_000) for seconds in rules.red_after_s]
    return [0, *later] if _rings_at_once(watch, row) else later


def _rings_at_once(watch: Watch, row: Row) -> bool:
    """Nobody looks at the screen, or a patient has called and waited long enough already."""
    return row.alert.cause == CALL_BUTTON or _unwatched(watch, row.opened_ms)


def _unwatched(watch: Watch, at_ms: int) -> bool:
    return watch.hours is not None and not watch.hours.staffed(at_ms)


def _take_step(
    connection: sa.Connection, line: Sequence[tuple[str, ...]], row: Row, *, now_ms: int
) -> list[str]:
    connection.execute(
        tables.alert.update().where(tables.alert.c.id == row.id).values(step=row.step + 1)
    )
    # The id is the same however often this is planned, so a receiver can tell a repeat.
    step = f"{row.id}-{row.step}"
    _note_change(connection, row, None if line else "nobody is on the list", now_ms=now_ms)
    if not line:
        _log(connection, row, Result.DISCARDED, step, now_ms=now_ms)
        return []
    planned = []
    for number, contact in enumerate(line[row.step % len(line)]):
        identifier = f"{step}-{number}" if number else step
        _log(connection, row, Result.DONE, identifier, now_ms=now_ms)
        connection.execute(
            tables.alert_notice.insert().values(
                id=identifier, alert=row.id, step=row.step, contact=contact, queued_ms=now_ms
            )
        )
        planned.append(identifier)
    return planned


def _note_change(connection: sa.Connection, row: Row, note: str | None, *, now_ms: int) -> None:
    connection.execute(
        tables.alert_change.insert().values(
            alert=row.id, at_ms=now_ms, action=Action.ESCALATE, note=note
        )
    )


def _log(connection: sa.Connection, row: Row, result: Result, notice: str, *, now_ms: int) -> None:
    """The log names the notice, whose id is the alert's and the step; it holds no address and no reason."""
    writer = LogWriter(connection)
    named = {"patient": row.patient, "loan": row.loan, "detail": notice}
    writer.add(draft(Event.NOTICE, result, at_ms=now_ms, **named))
    writer.flush()
