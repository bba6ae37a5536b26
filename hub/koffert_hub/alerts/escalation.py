"""A red that nobody takes goes to the next on the list: planned in the database first, then sent.

Outside staffing hours, and for a call that nobody has answered, the first notice goes out at once, to the
centre's named telephone if there is one.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.alerts import roster, tables
from koffert_hub.alerts.civil import StaffingHours
from koffert_hub.alerts.life import Action, Life
from koffert_hub.alerts.records import CALL_BUTTON, Priority
from koffert_hub.alerts.register import Row, open_rows
from koffert_hub.alerts.rules import Escalation

_UNTAKEN = frozenset({Life.OPEN, Life.AUDIO_PAUSED})


class Watch(Struct, frozen=True):
    """How a centre is watched: its hours, and who is rung first outside them (a channel, or None)."""

    hours: StaffingHours | None = None
    named_telephone: str | None = None


def plan(connection: sa.Connection, rules: Escalation, watch: Watch, *, now_ms: int) -> list[str]:
    """Write down the notices that are due now, each once; returns their ids."""
    planned: list[str] = []
    for row in open_rows(connection):
        if row.priority is not Priority.RED or row.life not in _UNTAKEN:
            continue
        for step, after_ms in enumerate(_steps_ms(rules, watch, row)):
            if step >= row.step and now_ms >= row.opened_ms + after_ms:
                due = row._replace(step=step)
                planned += _take_step(connection, watch, due, now_ms=now_ms)
    return planned


def next_contact(connection: sa.Connection, watch: Watch, row: Row, *, now_ms: int) -> str | None:
    """Whom step `row.step` reaches, as a channel; the last of the list stays the last resort."""
    line = [
        entry.channels[0]
        for entry in roster.on_call(roster.entries(connection, row.centre), now_ms)
    ]
    on_duty = row.alert.cause == CALL_BUTTON or _unwatched(watch, now_ms)
    if on_duty and watch.named_telephone is not None:
        line.insert(0, watch.named_telephone)
    return line[min(row.step, len(line) - 1)] if line else None


def after_failure(connection: sa.Connection, watch: Watch, row: Row, *, now_ms: int) -> list[str]:
    """A notice could not be delivered: the next on the list gets one now."""
    if row.life not in _UNTAKEN:
        return []
    return _take_step(connection, watch, row, now_ms=now_ms)


def _steps_ms(rules: Escalation, watch: Watch, row: Row) -> Sequence[int]:
    later = [round(seconds * 1_000) for seconds in rules.red_after_s]
    return [0, *later] if _rings_at_once(watch, row) else later


def _rings_at_once(watch: Watch, row: Row) -> bool:
    """Nobody looks at the screen, or a patient has called and waited long enough already."""
    return row.alert.cause == CALL_BUTTON or _unwatched(watch, row.opened_ms)


def _unwatched(watch: Watch, at_ms: int) -> bool:
    return watch.hours is not None and not watch.hours.staffed(at_ms)


def _take_step(connection: sa.Connection, watch: Watch, row: Row, *, now_ms: int) -> list[str]:
    contact = next_contact(connection, watch, row, now_ms=now_ms)
    connection.execute(
        tables.alert.update().where(tables.alert.c.id == row.id).values(step=row.step + 1)
    )
    connection.execute(
        tables.alert_change.insert().values(
            alert=row.id,
            at_ms=now_ms,
            action=Action.ESCALATE,
            note=None if contact else "nobody is on the list",
        )
    )
    if contact is None:
        return []
    # The id is the same however often this is planned, so a receiver can tell a repeat.
    identifier = f"{row.id}-{row.step}"
    connection.execute(
        tables.alert_notice.insert().values(
            id=identifier, alert=row.id, step=row.step, contact=contact, queued_ms=now_ms
        )
    )
    return [identifier]
