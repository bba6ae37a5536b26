"""What the web calls: the open alerts from memory, and what people do to them."""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import NamedTuple

import sqlalchemy as sa
from msgspec import structs

from koffert_hub import registry
from koffert_hub.alerts import tables
from koffert_hub.alerts.board import Board, ward_row
from koffert_hub.alerts.book import Book
from koffert_hub.alerts.history import unconfirmed
from koffert_hub.alerts.life import Action, WrongLife
from koffert_hub.alerts.records import CALL_BUTTON
from koffert_hub.alerts.register import NoSuchAlert, change, find
from koffert_hub.alerts.waiting import called_loan, ward_alert
from koffert_hub.alerts.ward import AlertGone, Taken, WardAlert
from koffert_hub.database import reading as open_reading


class Change(NamedTuple):
    """One step in the life of an alert."""

    at_ms: int
    action: Action
    by: str | None
    note: str | None


# Says to the patient's box, in the caller's transaction, that somebody has taken this press of this loan.
CallTaken = Callable[[sa.Connection, str, bytes, int], None]


class AlertDesk:
    """The open alerts of the hub. Its `board` is read after every change; `open_alerts` only looks at memory.

    `judging` is held by whoever judges: an answered call is a reading too.
    """

    def __init__(self, engine: sa.Engine, book: Book, judging: Lock, call_taken: CallTaken) -> None:
        self._engine = engine
        self._book = book
        self._rules = book.rules.escalation
        self._judging = judging
        self._call_taken = call_taken
        self.board = Board(engine)

    @property
    def version(self) -> int:
        """See `ward.Alerts`."""
        return self.board.version

    def open_alerts(self) -> tuple[WardAlert, ...]:
        """See `ward.Alerts`."""
        return self.board.open

    def acknowledge(
        self, alert_id: str, username: str, display_name: str, at_ms: int, note: str | None = None
    ) -> Taken:
        """See `ward.Alerts`: one wins, whoever comes later is told who."""
        loan = called_loan(alert_id)
        if loan is not None:
            return self._answer(alert_id, loan, display_name, at_ms)
        with self._engine.begin() as connection:
            try:
                row = find(connection, alert_id)
            except NoSuchAlert as error:
                raise AlertGone(alert_id) from error
            if row.taken_ms is not None:
                return Taken(ward_row(row), first=False)
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
                # Between the look and the change somebody else may have been first.
                row = find(connection, alert_id)
                if row.taken_ms is None:
                    raise AlertGone(alert_id) from error
                return Taken(ward_row(row), first=False)
            if row.alert.cause == CALL_BUTTON:
                self._tell_patient(connection, row.loan, row.alert.readings, at_ms)
        self.board.read()
        return Taken(ward_row(row), first=True)

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
        self.board.read()

    def _answer(self, alert_id: str, loan: str, display_name: str, at_ms: int) -> Taken:
        """Take a call before it has become an alert."""
        with self._judging, self._engine.begin() as connection:
            waiting = [
                one
                for one in unconfirmed(connection)
                if (one.loan, one.cause) == (loan, CALL_BUTTON)
            ]
            if not waiting:
                raise AlertGone(alert_id)
            self._book.answer_call(
                connection, registry.loans(connection, [loan])[loan], now_ms=at_ms
            )
            self._tell_patient(connection, loan, [one.reading for one in waiting], at_ms)
        self.board.read()
        taken = structs.replace(
            ward_alert(waiting[0]), acknowledged_by=display_name, acknowledged_ms=at_ms
        )
        return Taken(taken, first=True)

    def _tell_patient(
        self, connection: sa.Connection, loan: str, presses: Iterable[str], at_ms: int
    ) -> None:
        for press in presses:
            self._call_taken(connection, loan, bytes.fromhex(press), at_ms)
