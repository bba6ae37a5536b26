"""The whole hub against a real broker: receipts, kills, a clean stop, back-pressure."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from koffert_hub.log_access import LogSource, public_keys, verify_database
from koffert_hub.status import Status, read_status
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_wire.messages import PPG, WaveformBlock
from koffert_wire.mqtt import MqttConnection
from koffert_wire.samples import pack_samples
from koffert_wire.topics import Lane
from tests.hub.broker import OnlineBox, TestBroker, hub_broker
from tests.hub.process import HubProcess
from tests.support.demonstration import until

# Some 20 MB that a hub at a standstill is sent, and what it may grow by: it takes 400 messages at a time.
FLOOD = 5_000
BLOCK_SAMPLES = 2_000
MEMORY_LIMIT_BYTES = 8_000_000


@pytest.fixture(name="broker")
def fixture_broker(tmp_path: Path) -> Iterator[TestBroker]:
    with hub_broker(tmp_path) as broker:
        yield broker


@pytest.fixture(name="hub")
def fixture_hub(tmp_path: Path, broker: TestBroker) -> HubProcess:
    return HubProcess(tmp_path, broker)


def assert_complete(hub: HubProcess, transmissions: int) -> Status:
    """Each one is stored, logged and projected once, and the log verifies."""
    status = read_status(hub.settings)
    assert (status.transmissions, status.lost, status.on_their_way) == (transmissions, 0, 0)
    series = SqliteTimeSeries(hub.settings.time_series_path)
    assert series.count() == transmissions
    assert series.cursor() == status.log_records
    series.close()
    key_file = hub.settings.data_dir / "log.pub"
    source = LogSource(hub.settings.database_url, (key_file,))
    verified = verify_database(source, public_keys(source.log_keys))
    assert verified.ok, verified
    assert verified.records == status.log_records
    return status


async def stored(box: OnlineBox, at_least: int, *, within_s: float = 120) -> None:
    """Wait until so many of what waits now were receipted."""
    total = len(box.waiting)
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + within_s
    while total - len(box.waiting) < at_least:
        assert loop.time() < deadline_s, "not in time"
        await asyncio.sleep(0.01)


def test_every_lane_is_receipted_and_stopping_is_clean(hub: HubProcess) -> None:
    async def scenario() -> None:
        online = hub.box("box-a")
        await online.connect()
        hub.start()
        online.send(*(online.box.queue(lane=lane) for lane in Lane for _ in range(10)))
        await online.all_receipted()
        assert online.hub_states >= 1
        await online.close()

    asyncio.run(scenario())
    assert hub.stop() == 0, hub.log()
    status = assert_complete(hub, 30)
    assert status.alerts == []
    said = [msgspec.json.decode(line) for line in hub.log().splitlines()]
    assert {"at", "level", "logger", "message"} == {name for line in said for name in line}
    assert {line["level"] for line in said} == {"INFO"}
    assert "Testpasient" not in hub.log()


def test_the_hub_killed_again_and_again_stores_each_once(hub: HubProcess) -> None:
    async def scenario() -> None:
        boxes = [hub.box(f"box-{n}") for n in range(3)]
        for online in boxes:
            await online.connect()
            online.send(*(online.box.queue() for _ in range(150)))
        for kill in range(3):
            hub.start()
            await stored(boxes[kill], 20)
            hub.kill()
            for online in boxes:
                online.send(*(online.box.queue() for _ in range(50)))
        hub.start()
        await asyncio.gather(*(online.all_receipted(within_s=120) for online in boxes))
        for online in boxes:
            await online.close()

    asyncio.run(scenario())
    assert hub.stop() == 0, hub.log()
    assert_complete(hub, 3 * 300)


def test_the_broker_killed_under_load_loses_nothing(hub: HubProcess, broker: TestBroker) -> None:
    async def scenario() -> None:
        online = hub.box("box-a")
        hub.start()
        await online.connect()
        online.send(*(online.box.queue() for _ in range(200)))
        await stored(online, 20)
        broker.mosquitto.kill()
        online.send(*(online.box.queue() for _ in range(100)))
        broker.mosquitto.start()
        await online.connect()
        await online.all_receipted(within_s=120)
        await online.close()

    asyncio.run(scenario())
    assert hub.stop() == 0, hub.log()
    assert_complete(hub, 300)


def test_what_the_store_cannot_take_waits_at_the_broker(
    hub: HubProcess, broker: TestBroker
) -> None:
    """Another process holds the database while boxes send on: the hub's memory does not grow with it."""

    async def scenario() -> int:
        online, flooding = hub.box("box-a"), hub.box("box-b").box
        block = WaveformBlock(
            *(flooding.identifier(), flooding.now(), "nonin-ble", None, PPG, 75.0),
            *(BLOCK_SAMPLES, *pack_samples(range(BLOCK_SAMPLES))),
        )
        queued = flooding.queue([block], Lane.BULK)
        await online.connect()
        hub.start()
        online.send(online.box.queue())
        await online.all_receipted()
        sender = MqttConnection(broker.endpoint("box-b"), on_message=lambda _: None)
        await sender.open()
        before = hub.resident_bytes
        payload = queued.payload()
        with closing(sqlite3.connect(hub.settings.data_dir / "hub.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            sent = [sender.publish(queued.topic, payload) for _ in range(FLOOD)]
            await asyncio.gather(*sent)
            grown = hub.resident_bytes - before
            other.rollback()
        online.send(online.box.queue(lane=Lane.BULK))
        await online.all_receipted()
        await sender.close()
        await online.close()
        assert len(payload) * FLOOD > 2 * MEMORY_LIMIT_BYTES
        return grown

    assert asyncio.run(scenario()) < MEMORY_LIMIT_BYTES
    assert hub.stop() == 0, hub.log()
    assert read_status(hub.settings).transmissions == 3


def test_a_hub_without_its_broker_stops_when_asked(hub: HubProcess, broker: TestBroker) -> None:
    """Also while it waits to try again."""

    async def until_it_misses_the_broker() -> None:
        online = hub.box("box-a")
        hub.start()
        await online.connect()
        online.send(online.box.queue())
        await online.all_receipted()
        await online.close()
        broker.mosquitto.kill()
        await until(lambda: "broker, alarm" in hub.log(), 60, "the hub misses the broker")

    asyncio.run(until_it_misses_the_broker())
    assert hub.stop() == 0, hub.log()
