"""The one projector: reads the log after its cursors, feeds the time series and the live feed, signs heads.

Ingest hands it each batch after the commit, so a value is on the screen milliseconds after it is stored; a
commit of another process is seen at the next tick.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import registry, tables
from koffert_hub.corrections import (
    BODY_COLUMNS,
    corrected_ids,
    corrections_between,
    only,
    open_body,
    without,
)
from koffert_hub.database import reading as open_reading
from koffert_hub.filing import Batch
from koffert_hub.handed import Handed
from koffert_hub.leadership import Leadership
from koffert_hub.live import LiveEvent, LiveFeed, LiveRow
from koffert_hub.log_record import SignedHead, log_key_id
from koffert_hub.own_thread import OwnThread
from koffert_hub.projection import (
    Opened,
    Step,
    StoredBody,
    live_row,
    live_waves,
    open_stored,
    stored_readings,
)
from koffert_hub.time_series.records import TimeSeries, TimeSeriesUnavailable
from koffert_hub.transmission_log import last_signed_head, position, sign_due_head

# Log records per step: some 10 ms of work, so a long catch-up still lets live data in between.
STEP_RECORDS = 500
# Rebuilding has nobody waiting for each step.
REBUILD_RECORDS = 10_000
# How soon a commit of another process is noticed, unless told otherwise; and how often the ward is read.
POLL_MS = 1_000
# Nobody draws a trend anew within this: what came meanwhile is one transaction, its minutes rolled up once.
SERIES_PAUSE_S = 0.5
_LOG = logging.getLogger(__name__)
# How far back a restarted hub looks for a patient's newest live value.
_LIVE_LOOKBACK_BODIES = 100


_BODIES_BETWEEN = (
    sa.select(*BODY_COLUMNS)
    .where(
        tables.body.c.log_sequence > sa.bindparam("after"),
        tables.body.c.log_sequence <= sa.bindparam("until"),
        tables.body.c.patient.is_not(None),
    )
    .order_by(tables.body.c.log_sequence)
)


class Projector:
    """Runs the projections, each on a thread of its own; `run` until cancelled or stopped."""

    def __init__(
        self,
        engine: sa.Engine,
        time_series: TimeSeries,
        live: LiveFeed,
        log_key: Ed25519PrivateKey,
        *,
        clock_ms: Callable[[], int],
        poll_ms: int = POLL_MS,
    ) -> None:
        self._engine = engine
        self._time_series = time_series
        self._live = live
        self._log_key = log_key
        self._clock_ms = clock_ms
        self._poll_s = poll_ms / 1_000
        self._live_wake = asyncio.Event()
        self._series_wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._for_live = Handed()
        self._for_series = Handed()
        self._cursor = 0
        self._leadership = Leadership(engine)
        self._ward = registry.WardRows([], frozenset())
        self._signed: SignedHead | None = None

    def committed(self, batch: Batch) -> None:
        """Ingest has filed these."""
        self._for_live.add(batch)
        self._for_series.add(batch)
        self.wake()

    def wake(self) -> None:
        """Something was committed."""
        self._live_wake.set()
        self._series_wake.set()

    def stop(self) -> None:
        """Project what is there, then end."""
        self._stop.set()
        self.wake()

    async def run(self) -> None:
        """Catch up and follow the log until `stop`; a slow or absent time series never delays the ward."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_live(), name="projector-live")
            tasks.create_task(self._follow_series(), name="projector-time-series")

    async def _follow_live(self) -> None:
        with OwnThread("projector-live") as thread:
            self._cursor = await thread(partial(_last_sequence, self._engine))
            ticked_ms = -POLL_MS
            while True:
                self._live_wake.clear()
                stopping = self._stop.is_set()
                if stopping or self._clock_ms() - ticked_ms >= POLL_MS:
                    ticked_ms = self._clock_ms()
                    await self._refresh_ward(thread)
                await self._show_new(thread)
                if stopping:
                    return
                await _wait(self._live_wake, self._poll_s)

    async def _show_new(self, thread: OwnThread) -> None:
        """The log is read only for what ingest did not hand over."""
        while True:
            handed = self._for_live.take(self._cursor, STEP_RECORDS)
            step = handed if handed is not None else await thread(self._read_live_step)
            if step.cursor == self._cursor:
                return
            for opened in sorted(step.bodies + step.corrected, key=lambda one: one.log_sequence):
                if opened in step.corrected:
                    await self._show_again(opened, thread)
                else:
                    self._show(opened)
            self._cursor = step.cursor
            if handed and self._for_live.is_empty:
                return

    def _read_live_step(self) -> Step:
        return read_step(self._engine, self._cursor, STEP_RECORDS)

    async def _follow_series(self) -> None:
        """A store that is down is tried again at each tick; meanwhile the values wait in the log."""
        down = False
        with OwnThread("projector-time-series") as thread:
            while True:
                self._series_wake.clear()
                stopping = self._stop.is_set()
                try:
                    await thread(self._write_new)
                except TimeSeriesUnavailable as error:
                    level = logging.DEBUG if down else logging.WARNING
                    _LOG.log(level, "time series: %s; values wait in the log", error)
                    down = True
                    await asyncio.sleep(0 if stopping else self._poll_s)
                else:
                    if down:
                        _LOG.info("time series: recovered")
                    down = False
                    await _wait(self._stop, SERIES_PAUSE_S)
                if stopping:
                    await thread(self._leadership.release)
                    return
                await _wait(self._series_wake, self._poll_s)

    def _write_new(self) -> None:
        """What one process alone may do: the time series and the signed heads."""
        if not self._leadership.held():
            return
        cursor = self._time_series.cursor()
        while (step := self._step_after(cursor)).cursor > cursor:
            project(self._time_series, step)
            cursor = step.cursor
        last = self._signed or _last_signed(self._engine, self._log_key)
        self._signed = sign_due_head(
            self._engine, self._log_key, now_ms=self._clock_ms(), last=last
        )

    def _step_after(self, cursor: int) -> Step:
        """As from the log; of who was erased since it was handed over nothing is left there either."""
        handed = self._for_series.take(cursor, STEP_RECORDS)
        if handed is None:
            return read_step(self._engine, cursor, STEP_RECORDS)
        with open_reading(self._engine) as connection:
            living = registry.living(connection, {one.patient for one in handed.bodies})
        return handed._replace(bodies=[one for one in handed.bodies if one.patient in living])

    def _show(self, opened: Opened) -> None:
        if opened.waves and self._live.waves.is_watched(opened.patient):
            for wave in live_waves(opened):
                self._live.waves.publish(opened.patient, wave)
        before = self._live.row(opened.patient)
        if before is None:
            return
        row = live_row(opened, before, before.display_name)
        if row is not None:
            self._live.publish(LiveEvent(opened.log_sequence, row))

    async def _show_again(self, corrected: Opened, thread: OwnThread) -> None:
        """The newest value that counts, when what was shown does not."""
        before = self._live.row(corrected.patient)
        if before is None or all(
            at_ms != before.measured_at_ms for _, at_ms, _ in corrected.readings
        ):
            return
        place = registry.WardPlace(
            before.patient, before.display_name, before.suitcase, before.marks
        )
        row = await thread(partial(newest_row, self._engine, place))
        row = msgspec.structs.replace(row, sequence=corrected.log_sequence)
        rows = {**{one.patient: one for one in self._live.snapshot().rows}, row.patient: row}
        # A page lets no older value replace a newer one; a snapshot is believed whole.
        self._live.set_patients(rows.values(), corrected.log_sequence)

    async def _refresh_ward(self, thread: OwnThread) -> None:
        """Show who has a suitcase; a patient who is new on the ward starts with the newest value known."""
        ward = await thread(partial(_read_ward, self._engine))
        if ward == self._ward:
            return
        rows = [
            await thread(partial(newest_row, self._engine, place))
            if self._live.row(place.patient) is None
            else empty_row(place)
            for place in registry.ward_places(ward)
        ]
        self._live.set_patients(rows, self._cursor)
        self._ward = ward


def read_step(engine: sa.Engine, cursor: int, limit: int) -> Step:
    """The bodies of at most `limit` log records after `cursor`."""
    with open_reading(engine) as connection:
        end = min(position(connection).sequence, cursor + limit)
        if end <= cursor:
            return Step([], [], cursor)
        rows = connection.execute(_BODIES_BETWEEN, {"after": cursor, "until": end}).all()
        corrected = _corrected(connection, cursor, end)
    return Step([open_stored(StoredBody(*row)) for row in rows], corrected, end)


def project(time_series: TimeSeries, step: Step) -> int:
    """Write a step into the time series; returns the readings written. Doing it again changes nothing."""
    wrong = [r for opened in step.corrected for r in stored_readings(opened)]
    struck = {reading.id for reading in wrong}
    readings = [r for opened in step.bodies for r in stored_readings(opened) if r.id not in struck]
    if wrong:
        time_series.remove(wrong)
    time_series.write(readings, step.cursor)
    return len(readings)


def rebuild(engine: sa.Engine, time_series: TimeSeries, progress: Callable[[int], None]) -> int:
    """Drop the time series and make it again from the bodies; returns the readings written."""
    time_series.clear()
    cursor = written = 0
    while True:
        step = read_step(engine, cursor, REBUILD_RECORDS)
        if step.cursor == cursor:
            return written
        cursor, written = step.cursor, written + project(time_series, step)
        progress(cursor)


def empty_row(place: registry.WardPlace) -> LiveRow:
    """The row of a patient of whom nothing is known; the feed keeps what it knows."""
    return LiveRow(
        patient=place.patient,
        display_name=place.display_name,
        suitcase=place.suitcase,
        marks=place.marks,
    )


def newest_row(engine: sa.Engine, place: registry.WardPlace) -> LiveRow:
    """The row of a patient as the newest stored bodies tell it, empty when they tell nothing."""
    body = tables.body
    with open_reading(engine) as connection:
        rows = connection.execute(
            sa.select(*BODY_COLUMNS)
            .where(body.c.patient == place.patient)
            .order_by(body.c.log_sequence.desc())
            .limit(_LIVE_LOOKBACK_BODIES)
        ).all()
        wrong = corrected_ids(connection, place.patient)
    newest = empty_row(place)
    for row in rows:
        opened = without(open_stored(StoredBody(*row)), wrong)
        candidate = live_row(opened, newest, place.display_name)
        newest = candidate or newest
    return newest


def _corrected(connection: sa.Connection, after: int, until: int) -> list[Opened]:
    """The readings that count no more, one entry for each body that they lie in."""
    wrong: dict[tuple[int, int], set[bytes]] = {}
    for one in corrections_between(connection, after, until):
        wrong.setdefault((one.log_sequence, one.body_sequence), set()).add(one.reading)
    bodies = [
        (log_sequence, open_body(connection, body_sequence), ids)
        for (log_sequence, body_sequence), ids in wrong.items()
    ]
    return [
        only(opened, ids)._replace(log_sequence=log_sequence)
        for log_sequence, opened, ids in bodies
        if opened is not None
    ]


def _read_ward(engine: sa.Engine) -> registry.WardRows:
    with open_reading(engine) as connection:
        return registry.ward_rows(connection)


def _last_signed(engine: sa.Engine, key: Ed25519PrivateKey) -> SignedHead | None:
    with open_reading(engine) as connection:
        return last_signed_head(connection, log_key_id(key.public_key()))


def _last_sequence(engine: sa.Engine) -> int:
    with open_reading(engine) as connection:
        return position(connection).sequence


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
