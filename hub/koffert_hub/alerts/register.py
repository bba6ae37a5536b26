"""Reading and changing the rows of raised alerts: each change goes through the state machine and is kept."""

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from koffert_hub.alerts import tables
from koffert_hub.alerts.life import Action, Life, Standing, WrongLife, follow
from koffert_hub.alerts.records import Alert, Priority

_ALERT = msgspec.msgpack.Decoder(Alert)
_ENCODE = msgspec.msgpack.Encoder().encode
_UNHEARD = (Life.SNOOZED, Life.AUDIO_PAUSED)
_UNTAKEN = (Life.OPEN, Life.AUDIO_PAUSED)


class NoSuchAlert(Exception):
    """There is no alert of this id."""


class Row(NamedTuple):
    """A raised alert as stored."""

    id: str
    patient: str
    loan: str
    centre: str
    priority: Priority
    life: Life
    opened_ms: int
    alert: Alert
    step: int
    until_ms: int | None
    taken_name: str | None
    taken_ms: int | None

    @property
    def standing(self) -> Standing:
        """What the state machine looks at."""
        return Standing(self.life, self.priority, self.alert.cleared_ms is not None)


def change(
    connection: sa.Connection,
    identifier: str,
    action: Action,
    *,
    at_ms: int,
    by: str | None = None,
    name: str | None = None,
    note: str | None = None,
    until_ms: int | None = None,
    priority: Priority | None = None,
) -> Row:
    """Do `action` to an alert; raises NoSuchAlert or WrongLife and then changes nothing."""
    row = find(connection, identifier)
    if row.life is Life.RESOLVED and action is Action.CLEAR:
        return row
    life = follow(row.standing, action)
    values: dict[str, object] = {"life": life, "until_ms": until_ms}
    if life is Life.RESOLVED:
        values["resolved_ms"] = at_ms
    if action is Action.CLEAR:
        values["cleared_ms"] = at_ms
    if action in (Action.ACKNOWLEDGE, Action.HAND_OVER):
        values |= {"taken_by": by, "taken_name": name or by, "taken_ms": at_ms}
    if priority is not None:
        values["priority"] = priority
    table = tables.alert
    changed = connection.execute(
        table.update().where(table.c.id == identifier, table.c.life == row.life).values(values)
    )
    if changed.rowcount != 1:
        raise WrongLife(f"someone else changed {identifier} at this moment")
    connection.execute(
        tables.alert_change.insert().values(
            alert=identifier, at_ms=at_ms, action=action, by=by, note=note
        )
    )
    return find(connection, identifier)


def find(connection: sa.Connection, identifier: str) -> Row:
    """One alert; raises NoSuchAlert."""
    found = connection.execute(_SELECT.where(tables.alert.c.id == identifier)).first()
    if found is None:
        raise NoSuchAlert(identifier)
    return _row(found)


def open_row(connection: sa.Connection, loan: str, cause: str) -> Row | None:
    """The unresolved alert of a cause, if there is one."""
    found = connection.execute(_OPEN_OF, {"of": loan, "why": cause}).first()
    return None if found is None else _row(found)


def open_rows(connection: sa.Connection, cause_prefix: str = "") -> list[Row]:
    """Every unresolved alert, or those whose cause begins so, the longest open first."""
    table = tables.alert
    rows = connection.execute(
        _SELECT.where(
            table.c.resolved_ms.is_(None), table.c.cause.startswith(cause_prefix, autoescape=True)
        ).order_by(table.c.opened_ms, table.c.id)
    )
    return [_row(row) for row in rows]


def rows_changed_since(connection: sa.Connection, change: int) -> list[Row]:
    """Every alert whose life went on after this change, resolved or not."""
    table, life = tables.alert, tables.alert_change
    changed = sa.select(life.c.alert).where(life.c.id > change)
    return [_row(row) for row in connection.execute(_SELECT.where(table.c.id.in_(changed)))]


def untaken_reds(connection: sa.Connection) -> list[Row]:
    """Every red that nobody has taken, the longest open first."""
    table = tables.alert
    rows = connection.execute(
        _SELECT.where(
            table.c.resolved_ms.is_(None),
            table.c.priority == Priority.RED,
            table.c.life.in_(_UNTAKEN),
        ).order_by(table.c.opened_ms, table.c.id)
    )
    return [_row(row) for row in rows]


def rows_of_loan(connection: sa.Connection, loan: str) -> list[Row]:
    """Every alert that was ever raised under a loan, in the order raised."""
    table = tables.alert
    rows = connection.execute(
        _SELECT.where(table.c.loan == loan).order_by(table.c.opened_ms, table.c.id)
    )
    return [_row(row) for row in rows]


def rows_to_wake(connection: sa.Connection, now_ms: int) -> list[Row]:
    """Those whose pause or snooze has run out."""
    table = tables.alert
    rows = connection.execute(
        _SELECT.where(
            table.c.resolved_ms.is_(None), table.c.life.in_(_UNHEARD), table.c.until_ms <= now_ms
        )
    )
    return [_row(row) for row in rows]


def put_content(connection: sa.Connection, row: Row, alert: Alert, *, revised_ms: int) -> None:
    """Late data or a correction changed what an alert rests on: keep when, and show what holds now."""
    connection.execute(
        tables.alert.update()
        .where(tables.alert.c.id == row.id)
        .values(content=_ENCODE(alert), revised_ms=revised_ms)
    )
    connection.execute(
        tables.alert_change.insert().values(alert=row.id, at_ms=revised_ms, action=Action.REVISE)
    )


def forget(connection: sa.Connection, patient: str) -> None:
    """Erase everything of one patient: readings, states, alerts, and what was done about them."""
    of_patient = sa.select(tables.alert.c.id).where(tables.alert.c.patient == patient)
    for child in (tables.alert_notice, tables.alert_change):
        connection.execute(child.delete().where(child.c.alert.in_(of_patient)))
    for table in (
        tables.alert,
        tables.alert_reading,
        tables.alert_state,
        tables.alert_setting,
        tables.patient_card,
    ):
        connection.execute(table.delete().where(table.c.patient == patient))


_COLUMNS = (
    tables.alert.c.id,
    tables.alert.c.patient,
    tables.alert.c.loan,
    tables.alert.c.centre,
    tables.alert.c.priority,
    tables.alert.c.life,
    tables.alert.c.opened_ms,
    tables.alert.c.content,
    tables.alert.c.step,
    tables.alert.c.until_ms,
    tables.alert.c.taken_name,
    tables.alert.c.taken_ms,
    tables.alert.c.cleared_ms,
)
_SELECT = sa.select(*_COLUMNS)
# Asked at each reading: built once.
_OPEN_OF = _SELECT.where(
    tables.alert.c.loan == sa.bindparam("of"),
    tables.alert.c.cause == sa.bindparam("why"),
    tables.alert.c.resolved_ms.is_(None),
)


def _row(found: Any) -> Row:
    alert = _ALERT.decode(found.content)
    alert.cleared_ms = found.cleared_ms
    return Row(
        found.id,
        found.patient,
        found.loan,
        found.centre,
        Priority(found.priority),
        Life(found.life),
        found.opened_ms,
        alert,
        found.step,
        found.until_ms,
        found.taken_name,
        found.taken_ms,
    )
