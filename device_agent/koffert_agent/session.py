"""One link to the hub, from open to loss: rows go out by priority, receipts release them.

A PUBACK releases nothing: the broker may still lose what it has taken.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from importlib import metadata

from msgspec import Struct

from koffert_agent.accounting import Account
from koffert_agent.clock import Clock, now
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import OutboxError, OutboxReason, Row
from koffert_agent.send_window import STREAMS, SendWindow, Stream
from koffert_agent.source import Source
from koffert_agent.supervisor import Pulse
from koffert_agent.transmission import Sealer
from koffert_wire.downlink import (
    Down,
    HubState,
    Receipt,
    decode_down,
    decode_hub_state,
    decode_receipt,
)
from koffert_wire.envelope import SendStamp, stamp_payload
from koffert_wire.errors import WireError
from koffert_wire.messages import Hello
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError, MqttReason, Will
from koffert_wire.topics import (
    HUB_STATE,
    LINK_GONE,
    LINK_UP,
    DownKind,
    Lane,
    down,
    down_any_kind,
    up,
    up_call,
    up_link,
)

_LOG = logging.getLogger(__name__)

# The broker answers nothing although we send: the link is a black hole, and TCP would try for minutes.
STALLED_S = 30.0
# TCP, TLS, MQTT and subscribing take four round trips, each of 3 s by a poor satellite, some of them twice.
OPEN_TIMEOUT_S = 30.0
# The longest sleep: live rows turn into backlog, the pulse beats, the account is written.
_TICK_S = 1.0
_ACCOUNT_INTERVAL_S = 10.0
# A clean stop has 5 s in all, 3 of them for delivering.
_GOODBYE_S = 1.0
# Rows read from the disk at once.
_READ_ROWS = 32
# Messages of the hub not yet looked at; what falls out, the hub says again when it is sent again.
_INBOX = 1024
# A hub that comes back is not met by all boxes in the same second.
_HUB_RETURN_JITTER_S = 5.0
_HELLO = Stream(Lane.VITALS, live=True)


class Identity(Struct, frozen=True):
    """Who the box is to the hub."""

    device: str
    link_key: bytes


class Session:
    """A link, used once. `changed` is set by the outboxes when there may be more to send."""

    def __init__(
        self,
        endpoint: Endpoint,
        identity: Identity,
        outboxes: Sequence[Outbox],
        *,
        sealer: Sealer,
        account: Account,
        clock: Clock,
        random: Callable[[], float],
        changed: asyncio.Event,
        on_command: Callable[[bytes], Awaitable[None]],
        on_stored: Callable[[Iterable[bytes]], None] = lambda _: None,
        on_call: Callable[[Down], None] = lambda _: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._identity = identity
        self._sealer = sealer
        self._account = account
        self._clock = clock
        self._changed = changed
        self._on_command = on_command
        self._on_stored = on_stored
        self._on_call = on_call
        self._sources = [Source(outbox, self._loop.time()) for outbox in outboxes]
        self._window = SendWindow(random)
        self._inbox: deque[Incoming] = deque(maxlen=_INBOX)
        self._receipts: list[Receipt] = []
        gone = Will(up_link(identity.device), LINK_GONE)
        self._connection = MqttConnection(endpoint, on_message=self._hear, will=gone)
        self._unacknowledged = 0
        self._heard_s = self._loop.time()
        self._account_due_s = self._loop.time() + _ACCOUNT_INTERVAL_S
        self.receipt_at_s: float | None = None
        self.unreadable = 0

    @property
    def in_flight(self) -> int:
        """Rows that were sent and not yet receipted."""
        return len(self._window)

    @property
    def put_off(self) -> int:
        """Those of them that the hub or the broker wants later."""
        return self._window.deferred

    async def open(self) -> None:
        """Connect, listen, and greet the hub; raises MqttError."""
        await self._connection.open(OPEN_TIMEOUT_S)
        topics = (down_any_kind(self._identity.device), HUB_STATE)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._connection.subscribe(*topics)
        except TimeoutError as error:
            raise MqttError(MqttReason.TIMEOUT, "the broker does not grant") from error
        self._connection.publish(up_link(self._identity.device), LINK_UP, retain=True)
        await self._greet()

    async def run(self, pulse: Pulse) -> None:
        """Send and listen until the link ends; raises the MqttError that ended it."""
        closed = self._loop.create_task(self._connection.wait_closed(), name="uplink closed")
        closed.add_done_callback(lambda _: self._changed.set())
        try:
            while not closed.done():
                pulse.beat()
                self._changed.clear()
                await self._turn()
                await self._sleep()
            raise closed.result()
        finally:
            closed.cancel()

    def signal_call(self, payload: bytes) -> None:
        """Send call signalling now; what gets lost is not sent again."""
        self._connection.publish(up_call(self._identity.device), payload, qos=0)

    async def close(self) -> None:
        """Say goodbye, and write down what was sent."""
        await self._connection.close(_GOODBYE_S)
        await self._write_account()

    # -- one turn ---------------------------------------------------------------------------------

    async def _turn(self) -> None:
        now_s = self._loop.time()
        self._window.advance(now_s)
        while self._inbox:
            await self._handle(self._inbox.popleft())
        await self._apply_receipts()
        for source in self._sources:
            source.age(now_s)
        await self._send_again(now_s)
        await self._send_new()
        if now_s >= self._account_due_s:
            self._account_due_s = now_s + _ACCOUNT_INTERVAL_S
            await self._write_account()
        if self._unacknowledged and now_s - self._heard_s > STALLED_S:
            raise MqttError(MqttReason.LOST, f"the broker has not answered for {STALLED_S:g} s")

    async def _sleep(self) -> None:
        wait_s = min(
            _TICK_S, max(self._window.next_due_s(self._loop.time()) - self._loop.time(), 0.0)
        )
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _greet(self) -> None:
        outbox = self._sources[0].outbox
        queued = {lane: count.queued for lane, count in (await outbox.count()).items()}
        version = metadata.version("koffert")
        hello = Hello(now(self._clock), version, outbox.hub_epoch, queued)
        for row in await outbox.append([self._sealer.draft(Lane.VITALS, [hello])]):
            lowest = (await outbox.rows([])).lowest_queued
            self._window.sent(0, row, _HELLO)
            self._publish(row, lowest)

    async def _send_again(self, now_s: float) -> None:
        for index, number in self._window.overdue(now_s, _READ_ROWS):
            batch = await self._sources[index].outbox.rows([number])
            for row in batch.rows:
                self._publish(row, batch.lowest_queued)
            if not batch.rows:
                self._window.vanished(index, number)

    async def _send_new(self) -> None:
        """Fill the window by priority; what comes meanwhile and matters more gets the next turn."""
        for stream in STREAMS:
            if stream.lane is Lane.BULK and self._account.spent:
                return
            for index, source in enumerate(self._sources):
                while await self._send_some(stream, index, source):
                    if self._changed.is_set():
                        return

    async def _send_some(self, stream: Stream, index: int, source: Source) -> bool:
        """Send what fits of one stream; whether there may be more of it."""
        room = min(self._window.room_rows(stream), _READ_ROWS)
        if room <= 0:
            return False
        batch = await source.take(stream, room, partial(self._window.holds, index))
        for row in batch.rows:
            if not self._window.fits(stream, row.size_bytes):
                return False
            self._window.sent(index, row, stream)
            source.sent(stream, row.number)
            self._publish(row, batch.lowest_queued)
        return bool(batch.rows)

    def _publish(self, row: Row, lowest_queued: dict[Lane, int]) -> None:
        stamp = SendStamp(self._clock.boot_id, now(self._clock), lowest_queued)
        payload = stamp_payload(row.sealed, stamp, self._identity.link_key)
        topic = up(self._identity.device, row.lane)
        if not self._unacknowledged:
            self._heard_s = self._loop.time()
        self._unacknowledged += 1
        self._account.add(row.lane, topic, payload)
        published = self._connection.publish(topic, payload)
        published.add_done_callback(partial(self._published, row.id))

    def _published(self, transmission: bytes, outcome: "asyncio.Future[None]") -> None:
        self._unacknowledged -= 1
        self._heard_s = self._loop.time()
        error = outcome.exception()
        if error is None:
            self._window.taken(transmission, self._loop.time())
        elif isinstance(error, MqttError) and error.reason is MqttReason.DENIED:
            _LOG.warning("the broker does not take a transmission: %s", error)
            self._window.put_off(transmission, self._loop.time())

    # -- the hub ----------------------------------------------------------------------------------

    def _hear(self, incoming: Incoming) -> None:
        self._heard_s = self._loop.time()
        self._inbox.append(incoming)
        self._changed.set()

    async def _handle(self, incoming: Incoming) -> None:
        try:
            if incoming.topic == HUB_STATE:
                state = decode_hub_state(incoming.payload)
                await self._apply_receipts()  # they are of the epoch before
                await self._meet_hub(state, returned=not incoming.retain)
            else:
                await self._listen(incoming)
        except WireError as error:
            self.unreadable += 1
            _LOG.warning("a message of the hub is not readable: %s", error)

    async def _listen(self, incoming: Incoming) -> None:
        """Act on a message of the hub to this box; its kind stands under the MAC, not in the topic."""
        message = decode_down(incoming.payload, self._identity.device, self._identity.link_key)
        if incoming.topic != down(self._identity.device, message.kind):
            _LOG.warning("a %s came under another topic", message.kind.value)
        elif message.kind is DownKind.RECEIPT:
            self._receipts.append(decode_receipt(message.body))
        elif message.kind is DownKind.COMMAND:
            await self._on_command(message.body)
        elif message.kind is DownKind.CALL:
            self._on_call(message)

    async def _meet_hub(self, state: HubState, *, returned: bool) -> None:
        for source in self._sources:
            if await source.outbox.enter_epoch(state.hub_epoch, state.log_sequence):
                _LOG.warning("the hub began a new epoch: what it may have lost is sent again")
                source.rewind()
        if returned:
            self._window.hurry(self._loop.time(), _HUB_RETURN_JITTER_S)

    async def _apply_receipts(self) -> None:
        """Note in one commit what has come: on a slow card a drain is bound by its commits."""
        receipts, self._receipts = self._receipts, []
        if not receipts:
            return
        self.receipt_at_s = now_s = self._loop.time()
        try:
            for source in self._sources:
                await source.outbox.release(receipts)
        except OutboxError as error:
            if error.reason is not OutboxReason.FULL:
                raise
            _LOG.error("no room to note a receipt: what it names is sent again")
            return
        for receipt in receipts:
            self._settle(receipt, now_s)
        self._window.pace(receipts[-1].drain_bytes_s)

    def _settle(self, receipt: Receipt, now_s: float) -> None:
        self._on_stored(receipt.stored)
        for transmission in receipt.stored:
            self._window.receipted(transmission, now_s)
        for transmission, _ in receipt.retry_later:
            self._window.put_off(transmission, now_s)
        if receipt.retry_later:
            why = ", ".join(sorted({reason.value for _, reason in receipt.retry_later}))
            _LOG.warning("the hub wants %d later: %s", len(receipt.retry_later), why)

    async def _write_account(self) -> None:
        traffic = self._account.collect()
        if traffic:
            await self._sources[0].outbox.add_traffic(traffic)
