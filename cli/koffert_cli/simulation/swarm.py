"""Thousands of boxes in one process: each has its own mutual TLS link, outbox and patient."""

import asyncio
import logging
import random
import time
from functools import partial

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from koffert_cli.demonstration.provision import Box, Site
from koffert_cli.demonstration.totals import NS_PER_MS
from koffert_cli.output import EXIT_FAILED, UserError
from koffert_cli.simulation.box import Outbox, Queued
from koffert_cli.simulation.cohort import Course
from koffert_hub.keys import SEALING_PUBLIC_FILE
from koffert_wire.downlink import decode_down, decode_receipt
from koffert_wire.messages import Instant, Reading
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError, TlsFiles
from koffert_wire.reconnect import Backoff, Link, keep_connected
from koffert_wire.topics import HUB_STATE, DownKind, down_any_kind

# As the real agent's: a thousand boxes that lost one broker do not come back in the same second.
RECONNECT = Backoff(first_s=1.0, cap_s=30.0)
# What has no receipt after this long is sent again.
AGAIN_AFTER_S = 10.0
# A TLS handshake costs both sides milliseconds; more at once would only make all of them late.
CONNECTING_AT_ONCE = 16
CONNECT_WITHIN_S = 60.0
_LOG = logging.getLogger(__name__)


class SwarmBox:
    """One box: `connect` once, then `send` readings; what has no receipt stays in `waiting`."""

    def __init__(self, box: Box, site: Site, hub_key: X25519PublicKey, course: Course) -> None:
        self.course = course
        self.sent = 0
        self.receipted: list[bytes] = []
        self.latencies_ms: list[float] = []
        self.waiting: dict[bytes, tuple[Queued, float]] = {}
        self.connected = asyncio.Event()
        self.announced = asyncio.Event()
        self._readings: dict[bytes, Reading] = {}
        self._outbox = Outbox(
            box.device, box.loan, (box.folder / "link.key").read_bytes(), hub_key, read_clocks
        )
        tls = TlsFiles(site.folder / "ca.crt", box.folder / "device.crt", box.folder / "device.key")
        self._endpoint = Endpoint("127.0.0.1", site.ports.devices, box.device, tls)
        self._connection: MqttConnection | None = None
        self._stopping = asyncio.Event()

    @property
    def device(self) -> str:
        """The box's id."""
        return self._outbox.device

    async def run(self, turn: asyncio.Semaphore) -> None:
        """Keep the link until `stop`; `turn` is held while connecting."""
        await keep_connected(
            self.device,
            partial(self._session, turn),
            policy=lambda _error: RECONNECT,
            retry_on=(MqttError,),
            wake=asyncio.Event(),
            random=random.random,
            log=_LOG,
        )

    def stop(self) -> None:
        """End the link; what waits stays counted as such."""
        self._stopping.set()

    def send(self) -> None:
        """Take one reading and publish it in a transmission of its own, as a 1 Hz oximeter's are."""
        vitals = self.course.vitals()
        reading = self._outbox.take({"spo2_pct": vitals.spo2_pct, "pulse_bpm": vitals.pulse_bpm})
        queued = self._outbox.seal([reading])
        self._readings[queued.id] = reading
        self.sent += 1
        self._publish(queued)

    def send_again(self, *, older_than_s: float = 0.0) -> None:
        """Publish what has waited so long for its receipt."""
        now_s = time.monotonic()
        for queued, at_s in list(self.waiting.values()):
            if now_s - at_s >= older_than_s:
                self._publish(queued)

    async def _session(self, turn: asyncio.Semaphore, link: Link) -> None:
        connection = MqttConnection(self._endpoint, on_message=self._receive)
        try:
            async with turn:
                await connection.open(CONNECT_WITHIN_S)
                await connection.subscribe(down_any_kind(self.device), HUB_STATE)
            self._connection = connection
            link.established()
            self.connected.set()
            await self._until_lost_or_stopped(connection)
        finally:
            self.connected.clear()
            self._connection = None
            await connection.close()

    async def _until_lost_or_stopped(self, connection: MqttConnection) -> None:
        async with asyncio.TaskGroup() as tasks:
            lost = tasks.create_task(connection.wait_closed(), name=f"link {self.device}")
            stop = tasks.create_task(self._stopping.wait(), name=f"stop {self.device}")
            await asyncio.wait((lost, stop), return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            reason = lost.result() if lost.done() else None
            lost.cancel()
        if reason is not None:
            raise reason

    def _publish(self, queued: Queued) -> None:
        self.waiting[queued.id] = (queued, time.monotonic())
        if self._connection is not None:
            self._connection.publish(queued.topic, queued.payload())

    def _receive(self, incoming: Incoming) -> None:
        if incoming.topic == HUB_STATE:
            self.announced.set()
            self.send_again()
            return
        down = decode_down(incoming.payload, self.device, self._outbox.link_key)
        if down.kind is not DownKind.RECEIPT:
            return
        now_ns = time.time_ns()
        for identifier in decode_receipt(down.body).stored:
            if self.waiting.pop(identifier, None) is not None:
                reading = self._readings.pop(identifier)
                self.receipted.append(reading.id)
                self.latencies_ms.append((now_ns - reading.at.wall_ns) / NS_PER_MS)


class Swarm:
    """All boxes of a site; `connect`, `send_for`, `settle`, and `stop` in any case."""

    def __init__(self, site: Site, courses: list[Course]) -> None:
        hub = site.hub_settings.parent / "hub" / SEALING_PUBLIC_FILE
        hub_key = X25519PublicKey.from_public_bytes(hub.read_bytes())
        self.boxes = [
            SwarmBox(box, site, hub_key, course)
            for box, course in zip(site.boxes, courses, strict=True)
        ]
        self._turn = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._running: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """Transmissions without a receipt."""
        return sum(len(box.waiting) for box in self.boxes)

    async def connect(self) -> None:
        """Open every link; returns when all of them hold, and the hub has said that it listens."""
        for box in self.boxes:
            self._running.append(asyncio.create_task(box.run(self._turn), name=box.device))
        await asyncio.gather(*(box.connected.wait() for box in self.boxes))
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self.boxes[0].announced.wait()
        except TimeoutError as error:
            raise UserError(
                "nobody takes in what the boxes send",
                probable_cause="the workers did not start",
                exit_code=EXIT_FAILED,
            ) from error

    async def send_for(self, seconds: float, rate_hz: float, stop: asyncio.Event) -> None:
        """Let every box take `rate_hz` readings a second, each at its own phase."""
        loop = asyncio.get_running_loop()
        step_s = 1 / (rate_hz * len(self.boxes))
        start_s = loop.time()
        number = 0
        while (due_s := number * step_s) < seconds and not stop.is_set():
            await asyncio.sleep(max(start_s + due_s - loop.time(), 0))
            self.boxes[number % len(self.boxes)].send()
            number += 1

    async def settle(self, within_s: float) -> None:
        """Wait for the receipts, sending again what has none; what is left stays in `waiting`."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while self.waiting and loop.time() < deadline_s:
            for box in self.boxes:
                box.send_again(older_than_s=AGAIN_AFTER_S)
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Close every link."""
        for box in self.boxes:
            box.stop()
        done, late = await asyncio.wait(self._running, timeout=30) if self._running else ((), ())
        for task in late:
            task.cancel()
        await asyncio.gather(*done, *late, return_exceptions=True)


def read_clocks() -> Instant:
    """This machine's clocks: all boxes share them."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns(), wall_trusted=True)
