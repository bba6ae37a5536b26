"""The uplink against a real mosquitto and a hub made of the wire's own functions."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from koffert_agent.accounting import Account
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.session import Identity, Session
from koffert_agent.supervisor import Part, Supervisor
from koffert_agent.transmission import Sealer
from koffert_agent.uplink import LinkState, Uplink
from koffert_wire.messages import Instant, Message, SampleCodec, WaveformBlock
from koffert_wire.mqtt import Endpoint
from koffert_wire.topics import Lane
from tests.device_agent.support import (
    DEADLINE_S,
    DEVICE,
    LINK_KEY,
    HubDouble,
    ManualClock,
    eventually,
    make_reading,
    make_sealer,
    open_outbox,
)
from tests.support.mosquitto import Mosquitto, plain_mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with plain_mosquitto(tmp_path) as running:
        yield running


class Box:
    """An outbox and its uplink, without meters."""

    def __init__(self, outbox: Outbox, sealer: Sealer, clock: ManualClock, uplink: Uplink) -> None:
        self.outbox = outbox
        self.sealer = sealer
        self.clock = clock
        self.uplink = uplink

    async def measure(self, count: int = 1) -> set[bytes]:
        """Queue readings, one transmission each; returns their ids."""
        readings = [make_reading(self.clock) for _ in range(count)]
        await self.queue(Lane.VITALS, readings)
        return {reading.id for reading in readings}

    async def queue(self, lane: Lane, messages: Sequence[Message]) -> None:
        """Queue messages, one transmission each."""
        rows = await self.outbox.append([self.sealer.draft(lane, [each]) for each in messages])
        assert len(rows) == len(messages)

    async def holds(self, rows: int) -> None:
        """Wait until exactly so many rows are unconfirmed."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.queued() != rows:  # noqa: ASYNC110 - receipts set no event here
                await asyncio.sleep(0.01)

    async def queued(self) -> int:
        """How many rows are unconfirmed."""
        return sum(count.queued for count in (await self.outbox.count()).values())


async def obey_nothing(_command: bytes) -> None:
    """Commands are tested in test_following.py."""


@contextlib.asynccontextmanager
async def running_box(
    folder: Path, port: int, *, budget_bytes: int | None = None
) -> AsyncIterator[Box]:
    """The test's own box at a plain broker."""
    endpoint, clock = Endpoint("127.0.0.1", port, DEVICE), ManualClock()
    identity = Identity(DEVICE, LINK_KEY)
    sealer = make_sealer(clock)
    async with box_online(
        folder, endpoint, identity, sealer, clock, budget_bytes=budget_bytes
    ) as box:
        yield box


@contextlib.asynccontextmanager
async def box_online(
    folder: Path,
    endpoint: Endpoint,
    identity: Identity,
    sealer: Sealer,
    clock: ManualClock,
    *,
    budget_bytes: int | None = None,
) -> AsyncIterator[Box]:
    """Any box's outbox and uplink."""
    changed = asyncio.Event()
    async with open_outbox(folder / "o.sqlite3", clock, changed) as outbox:
        account = Account(clock, await outbox.traffic_today(), budget_bytes)

        def make_session() -> Session:
            return Session(
                endpoint,
                identity,
                [outbox],
                sealer=sealer,
                account=account,
                clock=clock,
                random=lambda: 0.01,
                changed=changed,
                on_command=obey_nothing,
            )

        uplink = Uplink(make_session, [outbox], account, lambda: 0.01)
        async with Supervisor(random.random) as supervisor:
            supervisor.start(Part("uplink", uplink.run))
            yield Box(outbox, sealer, clock, uplink)
            await supervisor.stop("uplink")


def block(clock: ManualClock, size: int) -> WaveformBlock:
    return WaveformBlock(
        id=os.urandom(16),
        at=Instant(clock.boottime_ns(), clock.wall_ns(), wall_trusted=True),
        sensor="contec-v7",
        sensor_serial=None,
        waveform="ppg",
        rate_hz=60.0,
        count=size // 2,
        codec=SampleCodec.INT16_LE,
        samples=os.urandom(size),
    )


def test_hello_comes_first_and_everything_is_stored_once(tmp_path: Path, broker: Mosquitto) -> None:
    async def scenario() -> None:
        async with HubDouble(broker.port) as hub, running_box(tmp_path, broker.port) as box:
            ids = await box.measure(50)
            await eventually(lambda: len(hub.readings) >= 50)
            await box.holds(0)
            assert {reading.id for reading in hub.readings} == ids
            assert hub.kinds()[0] == "hello"
            assert len(hub.arrived) == 51
            assert box.uplink.status.link is LinkState.UP

    asyncio.run(scenario())


def test_a_puback_releases_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    async def scenario() -> None:
        async with HubDouble(broker.port) as hub, running_box(tmp_path, broker.port) as box:
            hub.silent = True
            await box.measure(5)
            await eventually(lambda: len(hub.readings) == 5)
            await box.holds(6)

    asyncio.run(scenario())


def test_what_a_dead_hub_did_not_receipt_is_sent_again_when_it_is_back(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async def scenario() -> None:
        hub = HubDouble(broker.port)
        hub.silent = True
        await hub.start()
        async with running_box(tmp_path, broker.port) as box:
            ids = await box.measure(5)
            await eventually(lambda: len(hub.readings) == 5)
            await hub.stop()
            async with HubDouble(broker.port) as again:
                await eventually(lambda: {r.id for r in again.readings} == ids)
                await box.holds(0)

    asyncio.run(scenario())


def test_a_killed_broker_costs_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    async def scenario() -> None:
        stored, ids = set[bytes](), set[bytes]()
        async with running_box(tmp_path, broker.port) as box:
            for _ in range(3):
                async with HubDouble(broker.port) as hub:
                    ids |= await box.measure(20)
                    await eventually(lambda: len(hub.readings) >= 5)
                    ids |= await box.measure(20)
                    broker.kill()
                    stored |= {reading.id for reading in hub.readings}
                ids |= await box.measure(20)
                broker.start()
            async with HubDouble(broker.port) as hub:
                await box.holds(0)
                stored |= {reading.id for reading in hub.readings}
        assert stored == ids

    asyncio.run(scenario())


def test_retry_later_keeps_the_row_until_the_hub_takes_rows_again(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async def scenario() -> None:
        async with HubDouble(broker.port) as hub:
            hub.refuse = True
            async with running_box(tmp_path, broker.port) as box:
                await box.measure(3)
                await eventually(lambda: box.uplink.status.put_off == 4)
                assert len(hub.arrived) == 4
                await box.holds(4)
                hub.refuse = False
                await box.measure(1)
                await box.holds(0)
                assert len(hub.readings) == 4

    asyncio.run(scenario())


def test_a_new_epoch_brings_back_what_the_hub_has_lost(tmp_path: Path, broker: Mosquitto) -> None:
    async def scenario() -> None:
        async with running_box(tmp_path, broker.port) as box:
            async with HubDouble(broker.port) as hub:
                before = await box.measure(10)
                await eventually(lambda: len(hub.readings) == 10)
                await box.holds(0)
                kept = hub.log_sequence
                after = await box.measure(10)
                await eventually(lambda: len(hub.readings) == 20)
                await box.holds(0)
            async with HubDouble(broker.port, b"f" * 16, kept) as restored:
                await eventually(lambda: {r.id for r in restored.readings} == after)
                await box.holds(0)
                assert not before & {r.id for r in restored.readings}

    asyncio.run(scenario())


def test_the_backlog_goes_by_priority_and_live_vitals_overtake_it(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with open_outbox(tmp_path / "o.sqlite3", clock) as outbox:
            sealer = make_sealer(clock)
            backlog = [sealer.draft(Lane.BULK, [block(clock, 2000)]) for _ in range(200)]
            backlog += [sealer.draft(Lane.VITALS, [make_reading(clock)]) for _ in range(100)]
            backlog += [sealer.draft(Lane.ALARM, [make_reading(clock)]) for _ in range(3)]
            await outbox.append(backlog)
        async with HubDouble(broker.port) as hub, running_box(tmp_path, broker.port) as box:
            await eventually(lambda: "waveform" in hub.kinds())
            live = await box.measure(1)
            await eventually(lambda: len(hub.arrived) >= 305)
            lanes = [payload.header.lane for payload in hub.arrived]
            assert [*lanes[1:4]] == [Lane.ALARM] * 3
            assert lanes.index(Lane.BULK) > 100
            place = next(i for i, body in enumerate(hub.stored.values()) if _ids(body) & live)
            assert Lane.BULK in lanes[place:]

    asyncio.run(scenario())


def _ids(messages: list[Message]) -> set[bytes]:
    return {message.id for message in messages if hasattr(message, "id")}


def test_a_spent_budget_holds_waveforms_back_and_lets_vitals_go(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async def scenario() -> None:
        async with (
            HubDouble(broker.port) as hub,
            running_box(tmp_path, broker.port, budget_bytes=1) as box,
        ):
            await box.queue(Lane.BULK, [block(box.clock, 200)])
            ids = await box.measure(5)
            await eventually(lambda: {r.id for r in hub.readings} == ids)
            assert "waveform" not in hub.kinds()
            assert box.uplink.status.budget_spent
            box.clock.advance(24 * 3600)
            await box.measure(1)
            await eventually(lambda: "waveform" in hub.kinds())

    asyncio.run(scenario())


def test_what_was_sent_is_written_down(tmp_path: Path, broker: Mosquitto) -> None:
    async def scenario() -> None:
        async with HubDouble(broker.port) as hub:
            async with running_box(tmp_path, broker.port) as box:
                await box.measure(3)
                await eventually(lambda: len(hub.readings) == 3)
            async with open_outbox(tmp_path / "o.sqlite3", box.clock) as outbox:
                transmissions, sent_bytes = (await outbox.traffic_today())[Lane.VITALS]
            assert transmissions == 4
            assert sent_bytes > 4 * 300

    asyncio.run(scenario())
