"""What the tests of the box share: a clock that obeys, keys, and a minimal hub made of the wire's functions."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from koffert_agent.clock import NS_PER_S, now
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Quota
from koffert_agent.transmission import Sealer
from koffert_hub.filing import Answer, Batch
from koffert_hub.receipts import HOLD_S, Due, Receipts
from koffert_wire import downlink, sealing, topics
from koffert_wire.downlink import Down, HubState, Receipt
from koffert_wire.envelope import Payload, authenticate, open_body, parse_payload
from koffert_wire.errors import Reason
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import Message, Mode, Reading
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError
from koffert_wire.topics import DownKind, Lane

DEVICE = "box-1"
HUB_KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
SEALING_KEYS = {sealing.key_id(HUB_KEY.public_key()): HUB_KEY}
LINK_KEY = bytes(range(100, 132))
QUOTA = Quota(64 * 1024 * 1024, 4 * 1024 * 1024)
DEADLINE_S = 40.0


class ManualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, wall_ns: int = 1_795_309_200 * NS_PER_S) -> None:
        self.boot_id = b"b" * 16
        self.boottime = NS_PER_S
        self.wall = wall_ns
        self.trusted = True

    def boottime_ns(self) -> int:
        return self.boottime

    def wall_ns(self) -> int:
        return self.wall

    def wall_trusted(self) -> bool:
        return self.trusted

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.boottime += round(seconds * NS_PER_S)
        self.wall += round(seconds * NS_PER_S)


def make_sealer(clock: ManualClock, loan: str | None = "loan-1") -> Sealer:
    """What makes transmissions of the test's box."""
    return Sealer(DEVICE, loan, HUB_KEY.public_key(), clock, os.urandom)


def make_reading(clock: ManualClock, spo2_pct: float | None = 96.0) -> Reading:
    """A reading of this moment."""
    return Reading(
        id=uuid7(clock.wall_ns(), os.urandom(10)),
        at=now(clock),
        sensor="contec-v7",
        sensor_serial=None,
        mode=Mode.CONTINUOUS,
        values={"spo2_pct": spo2_pct},
        quality=1.0,
    )


@contextlib.asynccontextmanager
async def open_outbox(
    path: Path, clock: ManualClock, changed: asyncio.Event | None = None, quota: Quota = QUOTA
) -> AsyncIterator[Outbox]:
    """An outbox for the length of a test."""
    report = make_sealer(clock).report
    outbox = await Outbox.open(path, quota, report, clock, changed or asyncio.Event())
    try:
        yield outbox
    finally:
        await outbox.close()


async def eventually(
    condition: Callable[[], bool],
    what: str = "the condition",
    within_s: float = DEADLINE_S,
    every_s: float = 0.01,
) -> None:
    """Wait until `condition` holds; an AssertionError when it does not `within_s`."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - conditions of other processes set no event
                await asyncio.sleep(every_s)
    except TimeoutError as error:
        raise AssertionError(f"{what} did not come about within {within_s:g} s") from error


class HubDouble:
    """Opens and keeps what boxes send and answers as it is told to; speaks the real wire.

    `arrivals` gets the moment at which each reading came. `refuse` makes it answer `retry-later`, `silent` makes
    it store without a receipt; with `holding` its receipts wait for each other as the hub's do.
    """

    def __init__(
        self,
        where: Endpoint | int,
        epoch: bytes = b"e" * 16,
        log_sequence: int = 0,
        arrivals: dict[bytes, float] | None = None,
        *,
        holding: bool = False,
    ) -> None:
        self.epoch = epoch
        self.log_sequence = log_sequence
        self.began_at = log_sequence
        self.refuse = False
        self.silent = False
        self.arrived: list[Payload] = []
        self.stored: dict[bytes, list[Message]] = {}
        self._arrivals = {} if arrivals is None else arrivals
        self._endpoint = where if isinstance(where, Endpoint) else _plain(where)
        self._connection: MqttConnection | None = None
        self._held = Receipts() if holding else None
        self._telling: asyncio.Task[None] | None = None

    @property
    def readings(self) -> list[Reading]:
        """All readings stored, in the order of their transmissions' arrival."""
        messages = (message for body in self.stored.values() for message in body)
        return [message for message in messages if isinstance(message, Reading)]

    def kinds(self) -> list[str]:
        """The kinds of what arrived, in order."""
        return [payload.header.kind for payload in self.arrived]

    async def start(self) -> None:
        """Connect as soon as the broker lets us, listen to all lanes, and say that the hub is here."""
        async with asyncio.timeout(DEADLINE_S):
            self._connection = await self._connect()
        await self._connection.subscribe(*(topics.up_any_device(lane) for lane in Lane))
        state = downlink.encode_hub_state(HubState(self.epoch, 1, self.began_at))
        await self._connection.publish(topics.HUB_STATE, state, retain=True)
        if self._held is not None:
            self._telling = asyncio.create_task(self._tell_held(self._held), name="held receipts")

    async def stop(self) -> None:
        """Leave without a word."""
        if self._telling is not None:
            self._telling.cancel()
        if self._connection is not None:
            await self._connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _connect(self) -> MqttConnection:
        while True:
            connection = MqttConnection(self._endpoint, on_message=self._take)
            with contextlib.suppress(MqttError):
                await connection.open()
                return connection
            await asyncio.sleep(0.05)

    def _take(self, incoming: Incoming) -> None:
        payload = parse_payload(incoming.payload)
        authenticate(payload, LINK_KEY)
        self.arrived.append(payload)
        if self.refuse:
            refused = ((payload.header.id, Reason.UNKNOWN_KEY),)
            self._answer(payload.header.device, retry_later=refused)
            return
        if payload.header.id not in self.stored:
            self.stored[payload.header.id] = open_body(payload, SEALING_KEYS)
            self.log_sequence += 1
            self._note_arrivals(self.stored[payload.header.id])
        if self._held is not None:
            self._tell(self._held.add(*self._committed(payload), at_once=False))
        elif not self.silent:
            self._answer(payload.header.device, stored=(payload.header.id,))

    def _committed(self, payload: Payload) -> tuple[Batch, dict[str, int], float]:
        device, answer = payload.header.device, Answer([payload.header.id], [])
        keys, log = {device: LINK_KEY}, (self.epoch, self.log_sequence, bytes(32))
        batch = Batch({device: answer}, *log, keys, 1)
        return batch, {device: len(payload.authenticated)}, time.monotonic()

    async def _tell_held(self, held: Receipts) -> None:
        while True:
            await asyncio.sleep(HOLD_S / 10)
            self._tell(held.due(time.monotonic()))

    def _tell(self, due: list[Due]) -> None:
        for each in due:
            self._answer(each.device, stored=tuple(each.answer.stored))

    def _note_arrivals(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, Reading):
                self._arrivals[message.id] = time.monotonic()

    def _answer(
        self,
        device: str,
        stored: tuple[bytes, ...] = (),
        retry_later: tuple[tuple[bytes, Reason], ...] = (),
    ) -> None:
        receipt = Receipt(self.epoch, self.log_sequence, bytes(32), stored, retry_later)
        down = Down(DownKind.RECEIPT, uuid7(0, os.urandom(10)), 0, downlink.encode_receipt(receipt))
        assert self._connection is not None
        self._connection.publish(
            topics.down(device, DownKind.RECEIPT),
            downlink.encode_down(down, device, LINK_KEY),
            qos=0,
        )


def _plain(port: int) -> Endpoint:
    return Endpoint("127.0.0.1", port, f"hub-{os.urandom(4).hex()}")
