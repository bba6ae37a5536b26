"""The ingest worker: gathers what arrives, commits it in one writer thread, then acknowledges.

For each lane its own connection to the broker, with manual acknowledgement: gather → commit → PUBACK →
receipt. The broker hands out at most `RECEIVE_MAXIMUM` unacknowledged messages per lane, so a slow disk
slows the boxes down instead of filling this process's memory.
"""

import asyncio
import contextlib
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf
from typing import NamedTuple

from koffert_hub.filing import Batch
from koffert_hub.ingest import Received
from koffert_hub.intake import Intake
from koffert_hub.own_thread import OwnThread
from koffert_hub.receipts import HOLD_S, Due, Receipts
from koffert_hub.transmission_log import Epoch
from koffert_wire import downlink, topics
from koffert_wire.downlink import Down, HubState, Receipt
from koffert_wire.identifiers import uuid7
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError
from koffert_wire.reconnect import Backoff, Link, keep_connected
from koffert_wire.topics import DownKind, Lane

# Unacknowledged messages per lane: two full batches, one being committed while the next one gathers.
RECEIVE_MAXIMUM = 400
BATCH_MESSAGES = 200
# How long a lane gathers before it commits: one disk sync then serves many boxes. Alarms hardly wait.
GATHER_S: dict[Lane, float] = {Lane.ALARM: 0.002, Lane.VITALS: 0.020, Lane.BULK: 0.050}
# The broker is on this machine or beside it: come back at once, with jitter, never slower than this.
RECONNECT = Backoff(first_s=0.2, cap_s=5.0)

SHARE_GROUP = "koffert-hub"

_UUID7_RANDOM_BYTES = 10
_LOG = logging.getLogger(__name__)


class Arrived(NamedTuple):
    """A message and when it came."""

    incoming: Incoming
    received_ns: int


class Worker:
    """Three lanes, one writer. `run` until cancelled; `stop` lets what was gathered be committed."""

    def __init__(
        self,
        endpoints: dict[Lane, Endpoint],
        intake: Intake,
        *,
        epoch: Epoch,
        wall_ns: Callable[[], int],
        on_commit: Callable[[Batch], None],
        shared: bool = False,
    ) -> None:
        self._endpoints = endpoints
        self._intake = intake
        self._epoch = epoch
        self._wall_ns = wall_ns
        self._on_commit = on_commit
        # With a shared subscription the broker deals the messages out among all workers.
        self._subscription = f"$share/{SHARE_GROUP}/" if shared else ""
        self._stopping = asyncio.Event()
        # The reconnect loops use these up, so that a stop is never taken for one and lost.
        self._wakes = {lane: asyncio.Event() for lane in Lane}
        self._links: dict[Lane, MqttConnection] = {}
        self._receipts = Receipts()

    async def run(self) -> None:
        """Serve all lanes until `stop`."""
        with OwnThread("ingest-writer") as writer:
            async with asyncio.TaskGroup() as tasks:
                for lane in Lane:
                    tasks.create_task(self._serve(lane, writer), name=f"ingest-{lane.value}")
                tasks.create_task(self._tell_held(), name="ingest-receipts")

    @property
    def is_listening(self) -> bool:
        """Whether every lane is connected."""
        return len(self._links) == len(Lane)

    def stop(self) -> None:
        """Commit and answer what has arrived, then end."""
        self._stopping.set()
        for wake in self._wakes.values():
            wake.set()

    async def _serve(self, lane: Lane, writer: OwnThread) -> None:
        await keep_connected(
            f"broker, {lane.value}",
            partial(self._session, lane, writer),
            policy=lambda _error: RECONNECT,
            retry_on=(MqttError,),
            wake=self._wakes[lane],
            random=random.random,
            log=_LOG,
        )

    async def _session(self, lane: Lane, writer: OwnThread, link: Link) -> None:
        if self._stopping.is_set():
            return
        inbox = Inbox(self._wall_ns)
        connection = MqttConnection(
            self._endpoints[lane],
            on_message=inbox.put,
            manual_ack=True,
            receive_maximum=RECEIVE_MAXIMUM,
        )
        try:
            await connection.open()
            await connection.subscribe(self._subscription + topics.up_any_device(lane))
            self._links[lane] = connection
            if self.is_listening:
                await self._announce(connection)
            link.established()
            await self._until_stopped_or_lost(connection, inbox, lane, writer)
        finally:
            self._tell_what_is_due(all_of_it=self._stopping.is_set())
            self._links.pop(lane, None)
            await connection.close()

    async def _until_stopped_or_lost(
        self, connection: MqttConnection, inbox: "Inbox", lane: Lane, writer: OwnThread
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(
                self._pump(connection, inbox, lane, writer), name=f"pump-{lane.value}"
            )
            lost = tasks.create_task(connection.wait_closed(), name=f"link-{lane.value}")
            stop = tasks.create_task(self._stopping.wait(), name=f"stop-{lane.value}")
            await asyncio.wait((pump, lost, stop), return_when=asyncio.FIRST_COMPLETED)
            inbox.close()
            await asyncio.wait((pump,))
            stop.cancel()
            ended = lost.done() and not self._stopping.is_set()
            reason = lost.result() if lost.done() else None
            lost.cancel()
        if ended and reason is not None:
            raise reason

    async def _announce(self, connection: MqttConnection) -> None:
        """Ask the boxes to send, once no lane would miss it."""
        state = HubState(self._epoch.id, self._wall_ns(), self._epoch.complete_to)
        await connection.publish(
            topics.HUB_STATE, downlink.encode_hub_state(state), qos=1, retain=True
        )

    async def _pump(
        self, connection: MqttConnection, inbox: "Inbox", lane: Lane, writer: OwnThread
    ) -> None:
        while arrived := await inbox.gather(GATHER_S[lane], BATCH_MESSAGES):
            batch = [
                Received(item.incoming.topic, item.incoming.payload, item.received_ns)
                for item in arrived
            ]
            committed = await writer(partial(self._take, batch))
            self._on_commit(committed)
            for item in arrived:  # first, so that the broker sends the next ones
                connection.acknowledge(item.incoming)
            now_s = asyncio.get_running_loop().time()
            at_once = lane is Lane.ALARM
            due = self._receipts.add(committed, _weights_bytes(arrived), now_s, at_once=at_once)
            self._tell(due, connection)

    def _take(self, batch: Sequence[Received]) -> Batch:
        """Runs in the writer's thread: the log's time is that of the commit, not of waiting for it."""
        return self._intake.take(batch, now_ms=self._wall_ns() // 1_000_000)

    async def _tell_held(self) -> None:
        """Send the receipts that were held for others to join them."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOLD_S / 10):
                    await self._stopping.wait()
            self._tell_what_is_due()

    def _tell_what_is_due(self, *, all_of_it: bool = False) -> None:
        """By whichever lane is connected; while none is, receipts go on waiting."""
        connection = next(iter(self._links.values()), None)
        if connection is not None:
            now_s = inf if all_of_it else asyncio.get_running_loop().time()
            self._tell(self._receipts.due(now_s), connection)

    def _tell(self, receipts: Iterable[Due], connection: MqttConnection) -> None:
        for due in receipts:
            connection.publish(topics.down(due.device, DownKind.RECEIPT), self._receipt(due), qos=0)

    def _receipt(self, due: Due) -> bytes:
        receipt = Receipt(
            hub_epoch=due.epoch,
            log_sequence=due.log_sequence,
            log_head=due.log_head,
            stored=tuple(due.answer.stored),
            retry_later=tuple(due.answer.retry_later),
            drain_bytes_s=due.drain_bytes_s,
        )
        now_ns = self._wall_ns()
        identifier = uuid7(now_ns, secrets.token_bytes(_UUID7_RANDOM_BYTES))
        down = Down(DownKind.RECEIPT, identifier, now_ns, downlink.encode_receipt(receipt))
        return downlink.encode_down(down, due.device, due.link_key)


def _weights_bytes(arrived: Iterable[Arrived]) -> Counter[str]:
    """What each device has sent, by the topics: the broker vouches for those."""
    weights: Counter[str] = Counter()
    for item in arrived:
        up = topics.parse_up(item.incoming.topic)
        if up is not None:
            weights[up.device] += len(item.incoming.payload)
    return weights


class Inbox:
    """What one lane has received and not yet committed; bounded by the broker's receive maximum."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._waiting: list[Arrived] = []
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, incoming: Incoming) -> None:
        """Take a message from the connection."""
        self._waiting.append(Arrived(incoming, self._wall_ns()))
        self._changed.set()

    def close(self) -> None:
        """Nothing more is waited for; what is here can still be gathered."""
        self._closed = True
        self._changed.set()

    async def gather(self, window_s: float, at_most: int) -> list[Arrived]:
        """What arrives within `window_s` of the first message, `at_most` at once; empty when closed."""
        await self._until(1)
        try:
            async with asyncio.timeout(window_s):
                await self._until(at_most)
        except TimeoutError:
            pass
        taken, self._waiting = self._waiting[:at_most], self._waiting[at_most:]
        return taken

    async def _until(self, count: int) -> None:
        while len(self._waiting) < count and not self._closed:
            self._changed.clear()
            await self._changed.wait()
