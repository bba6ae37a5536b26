"""What the web calls: the open alerts from memory, and what people do to them."""

from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub.alerts import tables
from koffert_hub.alerts.life import Action, WrongLife
from koffert_hub.alerts.register import NoSuchAlert, Row, change, find, open_rows
from koffert_hub.alerts.rules import Escalation
from koffert_hub.alerts.ward import AlertGone, Taken, WardAlert
from koffert_hub.database import reading as open_reading


class Change(NamedTuple):
    """One step in the life of an alert."""

    at_ms: int
    action: Action
    by: str | None
    note: str | None


class AlertDesk:
    """The open alerts of the hub. `refresh` after every change; `open_alerts` only looks at memory."""

    def __init__(self, engine: sa.Engine, rules: Escalation, on_change: Callable[[], None]) -> None:
        self._engine = engine
        self._rules = rules
        self._on_change = on_change
        self._open: tuple[WardAlert, ...] = ()
        self._version = 0
        self.refresh()

    @property
    def version(self) -> int:
        """See `ward.Alerts`."""
        return self._version

    def open_alerts(self) -> tuple[WardAlert, ...]:
        """See `ward.Alerts`."""
        return self._open

    def refresh(self) -> None:
        """Read the open alerts again."""
        with open_reading(self._engine) as connection:
            now_open = tuple(map(_ward_alert, open_rows(connection)))
        if now_open != self._open:
            self._open = now_open
            self._version += 1

    def acknowledge(
        self, alert_id: str, username: str, display_name: str, at_ms: int, note: str | None = None
    ) -> Taken:
        """See `ward.Alerts`: one wins, whoever comes later is told who."""
        with self._engine.begin() as connection:
            try:
                row = find(connection, alert_id)
            except NoSuchAlert as error:
                raise AlertGone(alert_id) from error
            if row.taken_ms is not None:
                return Taken(_ward_alert(row), first=False)
            try:
                row = change(
                    connection,
                    alert_id,
                    Action.ACKNOWLEDGE,
                    at_ms=at_ms,
                    by=username,
                    name=display_name,
                    note=note,
                )
            except WrongLife as error:
                raise AlertGone(alert_id) from error
        self._changed()
        return Taken(_ward_alert(row), first=True)

    def hand_over(
        self, alert_id: str, username: str, display_name: str, at_ms: int, note: str
    ) -> None:
        """Someone of the next shift takes it on, with the note that goes along; raises WrongLife."""
        self._change(
            alert_id,
            Action.HAND_OVER,
            at_ms=at_ms,
            by=username,
            name=display_name,
            note=note,
        )

    def resolve(self, alert_id: str, username: str, at_ms: int, note: str) -> None:
        """Done with: what was done stands in the note; raises WrongLife unless it was taken."""
        self._change(alert_id, Action.RESOLVE, at_ms=at_ms, by=username, note=note)

    def pause_audio(self, alert_id: str, username: str, at_ms: int) -> None:
        """Silence for a short while; it still shows. Raises WrongLife."""
        until_ms = at_ms + int(self._rules.audio_pause_at_most_s * 1_000)
        self._change(alert_id, Action.PAUSE_AUDIO, at_ms=at_ms, by=username, until_ms=until_ms)

    def snooze(self, alert_id: str, username: str, at_ms: int, until_ms: int) -> None:
        """Ask again later: this cause in this direction only, capped, never red. Raises WrongLife."""
        capped_ms = min(until_ms, at_ms + int(self._rules.snooze_at_most_h * 3_600_000))
        self._change(alert_id, Action.SNOOZE, at_ms=at_ms, by=username, until_ms=capped_ms)

    def history(self, alert_id: str) -> list[Change]:
        """Everything that was done, oldest first."""
        table = tables.alert_change
        with open_reading(self._engine) as connection:
            rows = connection.execute(
                sa.select(table.c.at_ms, table.c.action, table.c.by, table.c.note)
                .where(table.c.alert == alert_id)
                .order_by(table.c.id)
            )
            return [Change(row.at_ms, Action(row.action), row.by, row.note) for row in rows]

    def _change(
        self,
        alert_id: str,
        action: Action,
        *,
        at_ms: int,
        by: str,
        name: str | None = None,
        note: str | None = None,
        until_ms: int | None = None,
    ) -> None:
        with self._engine.begin() as connection:
            change(
                connection,
                alert_id,
                action,
                at_ms=at_ms,
                by=by,
                name=name,
                note=note,
                until_ms=until_ms,
            )
        self._changed()

    def _changed(self) -> None:
        self.refresh()
        self._on_change()


def _ward_alert(row: Row) -> WardAlert:
    return WardAlert(
        id=row.id,
        patient=row.patient,
        priority=row.priority,
        reason={"nb": row.alert.text_nb, "nn": row.alert.text_nb, "en": row.alert.text_en},
        raised_ms=row.opened_ms,
        acknowledged_by=row.taken_name,
        acknowledged_ms=row.taken_ms,
    )
