"""Ten million stored readings: what one more costs, what a month's trend takes, and how soon a restarted hub is ready.

The history is written by the way of every reading, from opened bodies through the projection; the bodies themselves are
put into the database without a broker, as sealed transmissions would take an hour to make. One minute at 1 Hz for each body.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from benchmarks.ingest import payloads
from benchmarks.report import Baseline, Result, publish
from koffert_hub import registry, tables
from koffert_hub.clock import TimeBasis, encode_basis
from koffert_hub.database import reading as open_reading
from koffert_hub.documents.projection import DocumentProjection
from koffert_hub.log_record import Event
from koffert_hub.log_record import Result as Outcome
from koffert_hub.projector import REBUILD_RECORDS, project, read_step
from koffert_hub.setup import wall_ms
from koffert_hub.spirometry.projection import SpirometryProjection
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.transmission_log import LogWriter, draft
from koffert_wire.downlink import decode_down, decode_receipt
from koffert_wire.envelope import encode_header
from koffert_wire.messages import Message, encode_messages
from koffert_wire.mqtt import Incoming, MqttConnection
from koffert_wire.topics import HUB_STATE, down_any_kind
from tests.hub.box import SECOND_NS
from tests.hub.broker import OnlineBox, TestBroker, hub_broker
from tests.hub.process import HubProcess

READINGS = 10_000_000
PATIENTS = 4
READINGS_EACH = 60
BODIES_PER_COMMIT = 10_000
DAYS = 30
BUCKETS = 700
RESTARTS = 3
# What is compared: the projection of the first and of the last million.
COMPARED = 1_000_000
_MINUTE_NS = 60 * SECOND_NS


def fill(hub: HubProcess, boxes: list[OnlineBox], count: int) -> None:
    """Put bodies of one minute each into the hub's database, the boxes in turn, ending now."""
    engine = hub.engine()
    minutes = count // READINGS_EACH // len(boxes)
    start_ns = wall_ms() * 1_000_000 - minutes * _MINUTE_NS
    templates = [_template(online) for online in boxes]
    with open_reading(engine) as connection:
        loans = registry.loans(connection, [str(online.box.loan) for online in boxes])
    rows: list[dict[str, object]] = []
    for minute in range(minutes):
        for online, (header, messages, taken_ns) in zip(boxes, templates, strict=True):
            received_ns = start_ns + (minute + 1) * _MINUTE_NS
            basis = TimeBasis(received_ns, taken_ns, same_boot=True, earliest_ns=0)
            rows.append(
                {
                    "patient": loans[str(online.box.loan)].patient,
                    "loan": online.box.loan,
                    "salt": bytes(16),
                    "header": header,
                    "messages": messages,
                    "time_basis": encode_basis(basis),
                }
            )
        if len(rows) >= BODIES_PER_COMMIT:
            _file(engine, rows)
    _file(engine, rows)
    engine.dispose()


def _template(online: OnlineBox) -> tuple[bytes, bytes, int]:
    """Header and readings of a minute, and the boot-time clock at its end: other minutes are this one at another time."""
    box = online.box
    readings: list[Message] = []
    for _ in range(READINGS_EACH):
        readings.append(box.reading(90.0))
        box.wait(1)
    queued = box.queue(readings)
    return encode_header(queued.header), encode_messages(readings), box.boottime_ns


def _file(engine: sa.Engine, rows: list[dict[str, object]]) -> None:
    """A log record and a body for each, in one commit."""
    if not rows:
        return
    with engine.begin() as connection:
        writer = LogWriter(connection)
        for row in rows:
            row["log_sequence"] = writer.add(
                draft(
                    Event.TRANSMISSION,
                    Outcome.STORED,
                    at_ms=wall_ms(),
                    patient=str(row["patient"]),
                    transmission=os.urandom(16).hex(),
                    payload_hash=os.urandom(32).hex(),
                )
            )
        writer.flush()
        connection.execute(tables.body.insert(), rows)
    rows.clear()


def project_all(engine: sa.Engine, series: SqliteTimeSeries) -> tuple[float, float]:
    """Write all of it into the time series; microseconds of processor a reading for the first and the last million."""
    cursor, written = 0, [0]
    used_s = [time.process_time()]
    while True:
        step = read_step(engine, cursor, REBUILD_RECORDS)
        if step.cursor == cursor:
            break
        cursor = step.cursor
        written.append(written[-1] + project(series, step))
        used_s.append(time.process_time())
        print(f"… {written[-1]:,} readings", flush=True)
    first = next(n for n, count in enumerate(written) if count >= COMPARED)
    last = next(n for n, count in enumerate(written) if count >= written[-1] - COMPARED)
    return (
        1e6 * (used_s[first] - used_s[0]) / written[first],
        1e6 * (used_s[-1] - used_s[last]) / (written[-1] - written[last]),
    )


def trend_ms(series: SqliteTimeSeries, patient: str) -> float:
    """The median time of a trend over a month of 1 Hz."""
    end_ms = wall_ms()
    took = []
    for _ in range(5):
        start_s = time.perf_counter()
        trend = series.trend(patient, "spo2_pct", end_ms - DAYS * 86_400_000, end_ms, BUCKETS)
        took.append(1_000 * (time.perf_counter() - start_s))
        assert sum(trend.count) > READINGS // PATIENTS * 0.9
    return sorted(took)[2]


def ready_s(hub: HubProcess, broker: TestBroker, online: OnlineBox) -> float:
    """From the start of the hub to the receipt of a new reading, the median of a few restarts."""
    took = []
    for _ in range(RESTARTS):
        online.box.wall_ns = wall_ms() * 1_000_000
        queued, payload = payloads(online, 1, 1)[0]
        start_s = time.perf_counter()
        hub.start()
        asyncio.run(_receipted(broker, online, queued.topic, queued.id, payload))
        took.append(time.perf_counter() - start_s)
        hub.kill()
    return sorted(took)[RESTARTS // 2]


async def _receipted(
    broker: TestBroker, online: OnlineBox, topic: str, identifier: bytes, payload: bytes
) -> None:
    """Send until somebody answers."""
    answered = asyncio.Event()

    def receive(incoming: Incoming) -> None:
        if incoming.topic == HUB_STATE:
            return
        body = decode_down(incoming.payload, online.box.device, online.box.link_key).body
        if identifier in decode_receipt(body).stored:
            answered.set()

    connection = MqttConnection(broker.endpoint(online.box.device), on_message=receive)
    await connection.open()
    await connection.subscribe(down_any_kind(online.box.device), HUB_STATE)
    async with asyncio.timeout(60):
        while not answered.is_set():
            connection.publish(topic, payload)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answered.wait(), 0.05)
    await connection.close()


def catch_up(engine: sa.Engine) -> None:
    """The projections that find nothing in vitals, as they stand at a hub that has run all along."""
    for projection in (DocumentProjection(engine), SpirometryProjection(engine)):
        while projection.follow(REBUILD_RECORDS):
            pass


def main() -> None:
    """Measure and publish `history`."""
    os.nice(5)
    with tempfile.TemporaryDirectory() as name, hub_broker(Path(name)) as broker:
        hub = HubProcess(Path(name), broker)
        boxes = [hub.box(f"box-{number}") for number in range(PATIENTS)]
        fill(hub, boxes, READINGS)
        engine = hub.engine()
        series = SqliteTimeSeries(hub.settings.time_series_path)
        start_s = time.perf_counter()
        first_us, last_us = project_all(engine, series)
        projected_s = time.perf_counter() - start_s
        with open_reading(engine) as connection:
            loan = str(boxes[0].box.loan)
            patient = registry.loans(connection, [loan])[loan].patient
        month_ms = trend_ms(series, patient)
        stored = series.count()
        series.close()
        catch_up(engine)
        engine.dispose()
        ready = ready_s(hub, broker, boxes[0])
        size_mb = sum(path.stat().st_size for path in hub.settings.data_dir.iterdir()) / 1e6
    publish(
        Result(
            name="history",
            value=last_us,
            unit="µs of processor a reading projected after 10 million",
            baseline=Baseline("the first million", first_us),
            ratio=last_us / first_us,
            detail={
                "stored_readings": stored,
                "projected_readings_per_s": stored / projected_s,
                "restart_to_receipt_s": ready,
                "trend_of_a_month_ms": month_ms,
                "files_mb": size_mb,
            },
        )
    )


if __name__ == "__main__":
    main()
