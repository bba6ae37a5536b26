"""The alerts of all loans, kept in the hub's database: the one writer of their tables.

Everything happens inside the caller's transaction, together with the projection's cursor: a hub that is
killed between a reading and its alert finds both undone, and does them again exactly once.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts import tables
from koffert_hub.alerts.absence import deadline_ms, no_data
from koffert_hub.alerts.case import Case
from koffert_hub.alerts.engine import advance, elapse, order
from koffert_hub.alerts.history import (
    ALERTING,
    NEVER_MS,
    RINGING,
    cases_of,
    fresh_ones,
    in_force,
    judge,
    keep_readings,
    last_ms,
)
from koffert_hub.alerts.life import Action, Life
from koffert_hub.alerts.records import (
    CALL_BUTTON,
    NO_DATA,
    PRIORITIES,
    TECHNICAL_PREFIX,
    Alert,
    Correction,
    Event,
    Kind,
    Level,
    Raised,
    Reading,
)
from koffert_hub.alerts.register import (
    change,
    open_row,
    open_rows,
    put_content,
    rows_of_loan,
)
from koffert_hub.alerts.replay import compare
from koffert_hub.alerts.rules import RuleSet
from koffert_hub.alerts.state import State, decode_state, encode_state
from koffert_hub.alerts.technical import alert_of, open_faults
from koffert_hub.database import upserts
from koffert_hub.loans import RULES
from koffert_hub.registry import Loan
from koffert_hub.tables import loan as loan_table

# Silence is noted after hours: every lent case is looked at this seldom.
SILENCE_EVERY_MS = 30_000
_ENCODE = msgspec.msgpack.Encoder().encode
_KEEP_STATE = upserts(tables.alert_state, ("state", "elapsed_ms", "next_due_ms", "last_arrival_ms"))


# Ids of what the hub's own people said: no sign that the case is alive.
_ANSWER, _CORRECTION = "answer:", "correction:"


class _Stand(NamedTuple):
    """Where the engine is with a loan."""

    state: State
    elapsed_ms: int
    last_arrival_ms: int


class Book:
    """Takes readings in and lets time pass, under one rule set."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self._silence_looked_ms = NEVER_MS

    def take(
        self, connection: sa.Connection, loan: Loan, readings: Iterable[Reading], *, now_ms: int
    ) -> bool:
        """Judge what is new of one loan; returns whether anything was."""
        fresh = fresh_ones(connection, loan, readings)
        if not fresh:
            return False
        keep_readings(connection, loan, fresh)
        cases, stand = cases_of(connection, self.rules, loan.patient), _stand(connection, loan.id)
        if _in_place(stand, fresh):
            events = [
                event
                for one in fresh
                for event in advance(in_force(cases, one.measured_ms), stand.state, one)
            ]
            self._apply(connection, loan, events, now_ms=now_ms)
        else:
            stand = self._judge_again(connection, loan, cases, stand, now_ms=now_ms)
        heard = any(not one.id.startswith((_ANSWER, _CORRECTION)) for one in fresh)
        if heard:
            _end_silence(connection, loan, now_ms=now_ms)
        arrived_ms = max(stand.last_arrival_ms, now_ms) if heard else stand.last_arrival_ms
        self._elapse(
            connection, loan, cases, stand._replace(last_arrival_ms=arrived_ms), now_ms=now_ms
        )
        return True

    def tick(self, connection: sa.Connection, *, now_ms: int) -> bool:
        """Fire what is due at `now_ms`; returns whether anything changed."""
        due = sa.select(tables.alert_state.c.loan).where(tables.alert_state.c.next_due_ms < now_ms)
        changed = False
        for loan_id in connection.execute(due).scalars().all():
            loan = _loan(connection, loan_id)
            stand = _stand(connection, loan_id)
            cases = cases_of(connection, self.rules, loan.patient)
            self._elapse(connection, loan, cases, stand, now_ms=now_ms)
            changed = True
        if abs(now_ms - self._silence_looked_ms) < SILENCE_EVERY_MS:
            return changed
        self._silence_looked_ms = now_ms
        return self._note_silence(connection, now_ms=now_ms) or changed

    def follow_faults(self, connection: sa.Connection, *, now_ms: int) -> None:
        """Bring the blue alerts in line with the open faults of the suitcases."""
        faults = open_faults(connection)
        for fault in faults:
            if not fault.told:
                alert = alert_of(fault, self.rules.version)
                self._open(connection, _loan(connection, fault.loan), alert, now_ms=now_ms)
        standing = {(fault.loan, TECHNICAL_PREFIX + fault.cause) for fault in faults}
        for row in open_rows(connection, TECHNICAL_PREFIX):
            if (row.loan, row.alert.cause) not in standing:
                change(connection, row.id, Action.CLEAR, at_ms=now_ms)

    def silence(self, connection: sa.Connection, *, now_ms: int) -> None:
        """A loan that has ended or is paused alerts no more; who is only away can still call."""
        alert = tables.alert
        silent = connection.execute(
            sa.select(alert.c.id)
            .join(loan_table, loan_table.c.id == alert.c.loan)
            .where(
                alert.c.resolved_ms.is_(None),
                loan_table.c.state.not_in(ALERTING),
                (alert.c.cause != CALL_BUTTON) | loan_table.c.state.not_in(RINGING),
            )
        ).scalars()
        for identifier in silent.all():
            change(connection, identifier, Action.SILENCE, at_ms=now_ms)

    def answer_call(self, connection: sa.Connection, loan: Loan, *, now_ms: int) -> bool:
        """A nurse answered the patient's call: it is no longer unanswered."""
        answer = Reading(now_ms, f"{_ANSWER}{now_ms}", now_ms, Kind.CALL_BUTTON, 0.0)
        return self.take(connection, loan, [answer], now_ms=now_ms)

    def strike(
        self,
        connection: sa.Connection,
        loan: Loan,
        wrong: sa.ColumnElement[bool],
        reason: str,
        *,
        now_ms: int,
    ) -> bool:
        """Judge a loan without the readings for which `wrong` holds, as the log has said; False for none."""
        table = tables.alert_reading
        ids = connection.execute(sa.select(table.c.id).where(table.c.loan == loan.id, wrong))
        corrections = [
            Reading(now_ms, f"{_CORRECTION}{one}", now_ms, Kind.CORRECTION, Correction(one, reason))
            for one in ids.scalars()
        ]
        return self.take(connection, loan, corrections, now_ms=now_ms)

    def _judge_again(
        self,
        connection: sa.Connection,
        loan: Loan,
        cases: list[Case],
        before: _Stand,
        *,
        now_ms: int,
    ) -> _Stand:
        """Fold all readings of a loan again, and bring the rows in line with what stands now."""
        judged = judge(connection, loan.id, cases, now_ms)
        rows = {
            id(row.alert): row
            for row in rows_of_loan(connection, loan.id)
            if row.alert.cause != NO_DATA
            and not row.alert.cause.startswith(TECHNICAL_PREFIX)
            and not row.alert.revised
        }
        raised = [row.alert for row in rows.values()]
        compared = compare(raised, judged.alerts, judged.corrected)
        for alert in compared.gone:
            row = rows[id(alert)]
            revised = msgspec.structs.replace(alert, revised=True)
            put_content(connection, row, revised, revised_ms=now_ms)
            change(connection, row.id, Action.CLEAR, at_ms=now_ms)
        for old, new in compared.same:
            row = rows[id(old)]
            if _differ(old, new):
                put_content(connection, row, new, revised_ms=now_ms)
            if new.cleared_ms is not None:
                change(connection, row.id, Action.CLEAR, at_ms=new.cleared_ms)
        for alert in compared.new:
            self._open(connection, loan, alert, now_ms=now_ms)
        elapsed_ms = max(before.elapsed_ms, judged.elapsed_ms)
        return _Stand(judged.state, elapsed_ms, before.last_arrival_ms)

    def _elapse(
        self,
        connection: sa.Connection,
        loan: Loan,
        cases: list[Case],
        stand: _Stand,
        *,
        now_ms: int,
    ) -> None:
        events = elapse(in_force(cases, now_ms), stand.state, now_ms)
        self._apply(connection, loan, events, now_ms=now_ms)
        values = {
            "loan": loan.id,
            "patient": loan.patient,
            "state": encode_state(stand.state),
            "elapsed_ms": max(stand.elapsed_ms, last_ms(events)),
            "next_due_ms": stand.state.next_due_ms,
            "last_arrival_ms": stand.last_arrival_ms,
        }
        connection.execute(_KEEP_STATE[connection.dialect.name], values)

    def _apply(
        self, connection: sa.Connection, loan: Loan, events: Iterable[Event], *, now_ms: int
    ) -> None:
        for event in events:
            if isinstance(event, Raised):
                self._open(connection, loan, event.alert, now_ms=now_ms)
                continue
            row = open_row(connection, loan.id, event.cause)
            if row is None:
                continue
            if event.level is Level.NONE:
                change(connection, row.id, Action.CLEAR, at_ms=event.at_ms)
            elif row.life is Life.ACKNOWLEDGED:  # a red that nobody took stays red
                priority = PRIORITIES[event.level]
                change(connection, row.id, Action.EASE, at_ms=event.at_ms, priority=priority)

    def _open(self, connection: sa.Connection, loan: Loan, alert: Alert, *, now_ms: int) -> None:
        """Open an alert in place of an older one of the same cause; in a pause only the patient's call."""
        if not RULES[loan.state].hears(call=alert.cause == CALL_BUTTON):
            return
        older = open_row(connection, loan.id, alert.cause)
        if older is not None:
            change(connection, older.id, Action.SUPERSEDE, at_ms=now_ms)
        identifier = f"a-{secrets.token_hex(10)}"
        connection.execute(
            tables.alert.insert().values(
                id=identifier,
                loan=loan.id,
                patient=loan.patient,
                centre=loan.centre,
                cause=alert.cause,
                priority=alert.priority,
                life=Life.OPEN,
                opened_ms=now_ms,
                content=_ENCODE(alert),
                cleared_ms=alert.cleared_ms,
                step=0,
            )
        )
        connection.execute(
            tables.alert_change.insert().values(alert=identifier, at_ms=now_ms, action=Action.RAISE)
        )

    def _note_silence(self, connection: sa.Connection, *, now_ms: int) -> bool:
        """Open "no data" where a lent case has been silent for too long."""
        state, alert = tables.alert_state, tables.alert
        heard_ms = sa.func.coalesce(state.c.last_arrival_ms, loan_table.c.started_ms)
        told = (
            sa.select(alert.c.id)
            .where(
                alert.c.loan == loan_table.c.id,
                alert.c.cause == NO_DATA,
                alert.c.resolved_ms.is_(None),
            )
            .exists()
        )
        silent = connection.execute(
            sa.select(loan_table.c.id, heard_ms.label("heard_ms"))
            .outerjoin(state, state.c.loan == loan_table.c.id)
            .where(
                loan_table.c.state.in_(ALERTING),
                heard_ms < now_ms - (deadline_ms(self.rules, 0)),
                ~told,
            )
        ).all()
        for row in silent:
            self._open(
                connection,
                _loan(connection, row.id),
                no_data(self.rules, row.heard_ms),
                now_ms=now_ms,
            )
        return bool(silent)


_STAND = sa.select(tables.alert_state).where(tables.alert_state.c.loan == sa.bindparam("of"))


def _stand(connection: sa.Connection, loan: str) -> _Stand:
    row = connection.execute(_STAND, {"of": loan}).first()
    if row is None:
        return _Stand(State(), NEVER_MS, NEVER_MS)
    return _Stand(decode_state(row.state), row.elapsed_ms, row.last_arrival_ms)


def _in_place(stand: _Stand, fresh: Sequence[Reading]) -> bool:
    """Whether these come after all that was judged: no correction, nothing late."""
    first = fresh[0]
    after = order(first) > (stand.state.at_ms, stand.state.at_id)
    corrects = any(one.kind is Kind.CORRECTION for one in fresh)
    return after and first.measured_ms > stand.elapsed_ms and not corrects


def _end_silence(connection: sa.Connection, loan: Loan, *, now_ms: int) -> None:
    row = open_row(connection, loan.id, NO_DATA)
    if row is not None:
        change(connection, row.id, Action.CLEAR, at_ms=now_ms)


def _differ(one: Alert, other: Alert) -> bool:
    """Whether two alerts of the same episode say different things."""
    return (one.raised_ms, one.text_nb, one.readings) != (
        other.raised_ms,
        other.text_nb,
        other.readings,
    )


def _loan(connection: sa.Connection, loan_id: str) -> Loan:
    return registry.loans(connection, [loan_id])[loan_id]
