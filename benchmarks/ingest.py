"""Hub ingest with durable log and receipts, against a bare paho subscriber on the same broker.

Both get the same sealed payloads from the same publisher, over mutual TLS. The baseline only counts what
it receives (QoS 1); the hub opens, checks, chains, commits with a disk sync, answers and projects.
At 200 a second, from 200 boxes, it is measured when each was stored (readable to another process) and when
its box had the receipt: those of a box that streams wait for each other, up to two seconds (decision 0120).
"""

import asyncio
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.report import Baseline, Result, publish
from koffert_wire.downlink import decode_down, decode_receipt
from koffert_wire.envelope import decode_header
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection
from koffert_wire.topics import HUB_STATE, Lane, down_any_kind, up_any_device
from tests.hub.box import Queued
from tests.hub.broker import OnlineBox, TestBroker, hub_broker
from tests.hub.process import HubProcess

TRANSMISSIONS = 6_000
READINGS_BATCHED = 10
# Like a window of many boxes together; the broker hands the hub 400 at a time.
WINDOW = 400
LATENCY_RATE_HZ = 200
LATENCY_S = 20
LOOK_EVERY_S = 0.001
WITHIN_S = 120

_NEW_BODIES = "SELECT log_sequence, header FROM body WHERE log_sequence > ? ORDER BY log_sequence"


class Publisher:
    """Sends payloads through one link with a bounded window; notes when each was sent and receipted."""

    def __init__(self, endpoint: Endpoint, device: str, link_key: bytes) -> None:
        self._device, self._link_key = device, link_key
        self._connection = MqttConnection(endpoint, on_message=self._receive)
        self.sent_s: dict[bytes, float] = {}
        self.receipted_s: dict[bytes, float] = {}
        self._hub_is_up = asyncio.Event()
        self._receipt = asyncio.Event()

    async def open(self, *, hub: bool) -> None:
        """Connect, and wait until the hub has announced itself if one is expected."""
        await self._connection.open()
        await self._connection.subscribe(down_any_kind(self._device), HUB_STATE)
        if hub:
            async with asyncio.timeout(WITHIN_S):
                await self._hub_is_up.wait()

    async def close(self) -> None:
        await self._connection.close()

    async def send_all(self, items: list[tuple[Queued, bytes]]) -> None:
        """As fast as the broker takes them."""
        free = asyncio.Semaphore(WINDOW)
        for queued, payload in items:
            await free.acquire()
            self._send(queued, payload).add_done_callback(lambda _done: free.release())

    async def send_at(self, items: list[tuple[Queued, bytes]], rate_hz: float) -> None:
        """One each 1 / rate_hz seconds."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for index, (queued, payload) in enumerate(items):
            await asyncio.sleep(max(start_s + index / rate_hz - loop.time(), 0))
            self._send(queued, payload)

    async def receipted(self, count: int) -> None:
        """Wait for so many receipts."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.receipted_s) < count:
                self._receipt.clear()
                await self._receipt.wait()

    def _send(self, queued: Queued, payload: bytes) -> "asyncio.Future[None]":
        self.sent_s[queued.id] = time.perf_counter()
        return self._connection.publish(queued.topic, payload)

    def _receive(self, incoming: Incoming) -> None:
        now_s = time.perf_counter()
        if incoming.topic == HUB_STATE:
            self._hub_is_up.set()
            return
        body = decode_down(incoming.payload, self._device, self._link_key).body
        self.receipted_s.update(dict.fromkeys(decode_receipt(body).stored, now_s))
        self._receipt.set()


def bare_rate_hz(broker: TestBroker, items: list[tuple[Queued, bytes]], online: OnlineBox) -> float:
    """Messages a second that a paho subscriber with its own thread receives and acknowledges."""
    received, done = [0], threading.Event()
    ready = threading.Event()

    def count(_client: paho.Client, _data: object, _message: paho.MQTTMessage) -> None:
        received[0] += 1
        if received[0] == len(items):
            done.set()

    client = paho.Client(CallbackAPIVersion.VERSION2, "bare", protocol=paho.MQTTv5)
    client.tls_set_context(broker.hub_tls.context())
    client.on_message = count
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", broker.hub_port)
    client.subscribe(up_any_device(Lane.VITALS), 1)
    client.loop_start()
    ready.wait(WITHIN_S)

    async def send() -> None:
        publisher = Publisher(broker.endpoint("box-a"), "box-a", online.box.link_key)
        await publisher.open(hub=False)
        await publisher.send_all(items)
        await asyncio.to_thread(done.wait, WITHIN_S)
        await publisher.close()

    start_s = time.perf_counter()
    asyncio.run(send())
    elapsed_s = time.perf_counter() - start_s
    client.disconnect()
    client.loop_stop()
    return received[0] / elapsed_s


def hub_rate_hz(broker: TestBroker, items: list[tuple[Queued, bytes]], online: OnlineBox) -> float:
    """Transmissions a second from the first publish to the last receipt."""

    async def send() -> float:
        publisher = Publisher(broker.endpoint("box-a"), "box-a", online.box.link_key)
        await publisher.open(hub=True)
        start_s = time.perf_counter()
        await publisher.send_all(items)
        await publisher.receipted(len(items))
        await publisher.close()
        return len(items) / (time.perf_counter() - start_s)

    return asyncio.run(send())


class Readable:
    """When each transmission became readable to another process, which looks every millisecond."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="readable")
        self.seen_s: dict[bytes, float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            (last,) = connection.execute("SELECT max(log_sequence) FROM body").fetchone()
            while not self._stop.wait(LOOK_EVERY_S):
                rows = connection.execute(_NEW_BODIES, (last,)).fetchall()
                now_s = time.perf_counter()
                for _, header in rows:
                    self.seen_s[decode_header(header).id] = now_s
                last = rows[-1][0] if rows else last


def latencies_ms(
    broker: TestBroker, database: Path, boxes: list[OnlineBox]
) -> tuple[list[float], list[float]]:
    """From publish to readable, and to the receipt, each sorted: many boxes of one reading a second."""

    async def send() -> tuple[list[float], list[float]]:
        publishers = [
            Publisher(broker.endpoint(one.box.device), one.box.device, one.box.link_key)
            for one in boxes
        ]
        for publisher in publishers:
            await publisher.open(hub=True)
        with Readable(database) as readable:
            async with asyncio.TaskGroup() as tasks:
                for place, (publisher, one) in enumerate(zip(publishers, boxes, strict=True)):
                    items = payloads(one, LATENCY_S, 1)
                    tasks.create_task(send_late(publisher, items, place / LATENCY_RATE_HZ))
            for publisher in publishers:
                await publisher.receipted(LATENCY_S)
        for publisher in publishers:
            await publisher.close()
        sent_s = {key: at_s for one in publishers for key, at_s in one.sent_s.items()}
        told_s = {key: at_s for one in publishers for key, at_s in one.receipted_s.items()}
        return _took_ms(sent_s, readable.seen_s), _took_ms(sent_s, told_s)

    return asyncio.run(send())


async def send_late(publisher: Publisher, items: list[tuple[Queued, bytes]], by_s: float) -> None:
    """One a second, from `by_s` on: the boxes do not send in step."""
    await asyncio.sleep(by_s)
    await publisher.send_at(items, 1.0)


def _took_ms(sent_s: dict[bytes, float], done_s: dict[bytes, float]) -> list[float]:
    return sorted(1_000 * (done_s[key] - at_s) for key, at_s in sent_s.items())


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[int(share * len(ordered))]


def payloads(online: OnlineBox, count: int, readings: int) -> list[tuple[Queued, bytes]]:
    """Sealed beforehand: the boxes' own work is not measured here."""
    box = online.box
    items = []
    for _ in range(count):
        queued = box.queue([box.reading(90.0) for _ in range(readings)])
        items.append((queued, queued.payload()))
        box.wait(0.001)
    return items


def main() -> None:
    """Measure and publish `ingest` and `latency`-like details."""
    with tempfile.TemporaryDirectory() as name, hub_broker(Path(name)) as broker:
        hub = HubProcess(Path(name), broker)
        online = hub.box("box-a")
        single = payloads(online, TRANSMISSIONS, 1)
        batched = payloads(online, TRANSMISSIONS, READINGS_BATCHED)
        many = [hub.box(f"box-{number}") for number in range(LATENCY_RATE_HZ)]
        bare = bare_rate_hz(broker, single, online)
        hub.start()
        warm_up = payloads(online, 50, 1)
        hub_rate_hz(broker, warm_up, online)
        stored = hub_rate_hz(broker, single, online)
        readings = READINGS_BATCHED * hub_rate_hz(broker, batched, online)
        database = hub.settings.data_dir / "hub.sqlite"
        readable_ms, receipted_ms = latencies_ms(broker, database, many)
        hub.stop()
    publish(
        Result(
            name="ingest",
            value=stored,
            unit="stored transmissions/s",
            baseline=Baseline("bare paho QoS 1 subscriber", bare),
            ratio=stored / bare,
            detail={
                "readings_per_s_when_ten_are_batched": readings,
                "readings_ratio_to_bare": readings / bare,
                "stored_p50_ms_at_200_per_s": _percentile(readable_ms, 0.50),
                "stored_p99_ms_at_200_per_s": _percentile(readable_ms, 0.99),
                "receipt_p50_ms_at_200_per_s": _percentile(receipted_ms, 0.50),
                "receipt_p99_ms_at_200_per_s": _percentile(receipted_ms, 0.99),
            },
        )
    )


if __name__ == "__main__":
    main()
