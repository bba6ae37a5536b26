"""The alert projection at work: follows the log, lets time pass, sends what is due."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import groupby
from threading import Lock

import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.alerts import technical
from koffert_hub.alerts.book import Book
from koffert_hub.alerts.desk import AlertDesk, CallTaken
from koffert_hub.alerts.escalation import Watch, note_outcome, plan
from koffert_hub.alerts.from_wire import readings_of
from koffert_hub.alerts.life import Action
from koffert_hub.alerts.notify import NotDelivered, Notifier, send
from koffert_hub.alerts.register import change, find, rows_to_wake
from koffert_hub.alerts.rules import RuleSet
from koffert_hub.clock import decode_basis
from koffert_hub.corrections import corrections_between, only, open_body
from koffert_hub.database import reading as open_reading
from koffert_hub.database import upserts
from koffert_hub.own_thread import OwnThread
from koffert_hub.projection import StoredBody
from koffert_hub.transmission_log import position
from koffert_wire.messages import Reading, decode_messages

NAME = "alerts"
STEP_RECORDS = 500
# Timers are asked this often: finer than any of them, coarse enough to cost nothing.
TICK_S = 1.0
# Each judging is a transaction of its own with a disk sync: a busy hub judges what came meanwhile together.
PAUSE_S = 0.1
_KEEP_CURSOR = upserts(tables.cursor, ("sequence",))
_LOG = logging.getLogger(__name__)


class AlertService:
    """Runs on a thread of its own; `run` until stopped."""

    def __init__(
        self,
        engine: sa.Engine,
        rules: RuleSet,
        *,
        watch: Callable[[], Watch],
        notifiers: Mapping[str, Notifier],
        clock_ms: Callable[[], int],
        call_taken: CallTaken,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._watch = watch
        self._notifiers = notifiers
        self._clock_ms = clock_ms
        self._book = Book(rules)
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._judging = Lock()
        self.desk = AlertDesk(engine, self._book, self._judging, call_taken)

    def wake(self) -> None:
        """Something was committed."""
        self._wake.set()

    def stop(self) -> None:
        """Judge what is there, then end."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        """Follow the log, and look at the clock each second, until `stop`."""
        with OwnThread("alerts") as thread, OwnThread("notices") as sender:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._deliver(sender), name="alert-notices")
                clock_s = asyncio.get_running_loop().time
                ticked_s = clock_s() - TICK_S
                while not self._stop.is_set():
                    self._wake.clear()
                    if clock_s() - ticked_s >= TICK_S:
                        ticked_s = clock_s()
                        await thread(self.work)
                    else:
                        await thread(self.judge)
                    await _wait(self._stop, PAUSE_S)
                    await _wait(self._wake, TICK_S)
                await thread(self.work)
                sending.cancel()

    def work(self) -> None:
        """Judge all that is new, then let time pass."""
        self.judge()
        self.tick()

    def judge(self) -> None:
        """Judge all that is new."""
        while self.follow():
            pass

    def follow(self) -> bool:
        """Judge the next stretch of the log with its cursor in one transaction; whether there was one."""
        now_ms = self._clock_ms()
        with self._judging, self._engine.begin() as connection:
            cursor = _cursor(connection)
            end = min(position(connection).sequence, cursor + STEP_RECORDS)
            if end <= cursor:
                return False
            judged = self._judge(connection, cursor, end, now_ms=now_ms)
            values = {"projection": NAME, "sequence": end}
            connection.execute(_KEEP_CURSOR[connection.dialect.name], values)
        if judged:
            self.desk.board.follow(judged)
        return True

    def tick(self) -> None:
        """Fire what is due, wake what was snoozed, silence ended loans, plan what must be sent."""
        now_ms = self._clock_ms()
        with self._judging, self._engine.begin() as connection:
            self._book.tick(connection, now_ms=now_ms)
            for row in rows_to_wake(connection, now_ms):
                change(connection, row.id, Action.WAKE, at_ms=now_ms)
            self._book.follow_faults(connection, now_ms=now_ms)
            self._book.silence(connection, now_ms=now_ms)
            plan(connection, self._rules.escalation, self._watch(), now_ms=now_ms)
        self.desk.board.look()

    def deliver(self) -> None:
        """Send what is planned and not sent; after a failure the next turn plans the next on the list."""
        for identifier in self._planned():
            self._send(identifier)

    def _judge(self, connection: sa.Connection, after: int, until: int, *, now_ms: int) -> set[str]:
        """Judge what these records brought; returns the loans of which anything was new."""
        rows = connection.execute(_OF_LOANS, {"after": after, "until": until}).all()
        loans = registry.loans(connection, {row.loan for row in rows})
        minimum, judged = self._rules.quality.minimum, set[str]()
        wrong_clocks = technical.with_wrong_clock(connection)
        for row in rows:
            messages, basis = decode_messages(row.messages), decode_basis(row.time_basis)
            device = loans[row.loan].device
            technical.note(connection, device, messages, basis, wrong_clocks, now_ms=now_ms)
        for loan, bodies in groupby(rows, key=lambda row: row.loan):
            readings = [
                one for row in bodies for one in readings_of(StoredBody(*row[:-1]), minimum)
            ]
            if self._book.take(connection, loans[loan], readings, now_ms=now_ms):
                judged.add(loan)
        return judged | self._strike(connection, after, until, now_ms=now_ms)

    def _strike(
        self, connection: sa.Connection, after: int, until: int, *, now_ms: int
    ) -> set[str]:
        """Judge again without what people said does not count; returns the loans it was about."""
        judged = set[str]()
        for one in corrections_between(connection, after, until):
            opened = open_body(connection, one.body_sequence)
            if opened is None or one.loan is None:
                continue
            loan = registry.loans(connection, [one.loan])[one.loan]
            struck = only(opened, {one.reading})
            said = alert_tables.alert_reading.c.id.in_([each.id.hex() for each, _ in struck.said])
            wrongs = [_engine_ids(reading, at_ms) for reading, at_ms, _ in struck.readings]
            for wrong in (*wrongs, said):
                if self._book.strike(connection, loan, wrong, one.reason, now_ms=now_ms):
                    judged.add(loan.id)
        return judged

    async def _deliver(self, sender: OwnThread) -> None:
        while True:
            await sender(self.deliver)
            await asyncio.sleep(TICK_S)

    def _planned(self) -> list[str]:
        table = alert_tables.alert_notice
        with open_reading(self._engine) as connection:
            return list(
                connection.execute(
                    sa.select(table.c.id)
                    .where(table.c.sent_ms.is_(None), table.c.failed_ms.is_(None))
                    .order_by(table.c.queued_ms, table.c.id)
                ).scalars()
            )

    def _send(self, identifier: str) -> None:
        table = alert_tables.alert_notice
        with self._engine.begin() as connection:
            notice = connection.execute(sa.select(table).where(table.c.id == identifier)).one()
            alert = find(connection, notice.alert)
            suitcase = registry.loans(connection, [alert.loan])[alert.loan].device
        failure = None
        try:
            send(self._notifiers, notice.contact, identifier, _text(suitcase))
        except NotDelivered as error:
            failure = str(error)
            _LOG.warning("notice %s was not delivered: %s", identifier, failure)
        with self._engine.begin() as connection:
            note_outcome(connection, identifier, alert, now_ms=self._clock_ms(), failure=failure)


_BODY_COLUMNS = (
    tables.body.c.log_sequence,
    tables.body.c.patient,
    tables.body.c.header,
    tables.body.c.messages,
    tables.body.c.time_basis,
)


_OF_LOANS = (
    sa.select(*_BODY_COLUMNS, tables.body.c.loan)
    .where(
        tables.body.c.log_sequence > sa.bindparam("after"),
        tables.body.c.log_sequence <= sa.bindparam("until"),
        tables.body.c.loan.is_not(None),
        tables.body.c.patient.is_not(None),
    )
    .order_by(tables.body.c.loan, tables.body.c.log_sequence)
)


def _engine_ids(reading: Reading, at_ms: int) -> sa.ColumnElement[bool]:
    """Which of the engine's readings this one became (`from_wire`): its own, or the one of its slot."""
    table = alert_tables.alert_reading
    slot = sa.and_(
        table.c.measured_ms == at_ms, table.c.id.startswith(f"{reading.sensor}~", autoescape=True)
    )
    return sa.or_(table.c.id.startswith(f"{reading.id.hex()}:"), slot)


def _text(suitcase: str) -> str:
    return f"Koffert {suitcase}: rød varsling er ikke kvittert. Åpne Koffert."


def _cursor(connection: sa.Connection) -> int:
    table = tables.cursor
    row = connection.execute(sa.select(table.c.sequence).where(table.c.projection == NAME)).first()
    return 0 if row is None else int(row.sequence)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
