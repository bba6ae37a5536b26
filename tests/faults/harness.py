"""A real box on a bad link: the agent's process, a simulated oximeter, a chaos proxy, a real broker, a hub.

The hub is whatever keeps the `Hub` protocol, here the double made of the wire's functions.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

import apsw
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from koffert_agent.outbox.folder import outbox_name
from koffert_agent.outbox.records import Draft
from koffert_agent.outbox.store import OutboxStore
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_wire.messages import Dropped
from koffert_wire.mqtt import Endpoint, MqttConnection, MqttError
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, QUOTA, HubDouble, eventually
from tests.faults import agent_under_test
from tests.faults.agent_under_test import Control
from tests.faults.schedule import Fault, Step
from tests.hub.broker import TestBroker
from tests.support.chaos import GOOD, ChaosProxy, Conditions

YEAR_NS = 365 * 24 * 3600 * 1_000_000_000
# 64 kbit/s and 600 ms each way: a geostationary satellite.
SATELLITE = Conditions(delay_s=0.6, rate_bytes_s=8_000)


class Outcome(Struct, frozen=True):
    """What a run came to."""

    faults: int
    exits: int  # of the agent by itself
    acknowledged: int
    stored: int
    lost: int
    duplicates: int
    unnamed_gaps: int
    still_queued: int
    released_unstored: int
    healed_s: float
    peak_memory_mb: float
    passed_bytes: int

    @property
    def good(self) -> bool:
        """Whether the invariants held."""
        wrong = self.exits, self.lost, self.duplicates, self.unnamed_gaps, self.still_queued
        return not any((*wrong, self.released_unstored))


class BoxUnderFaults:
    """Everything running while the `async with` lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker = TestBroker(folder)
        self._control_file = folder / "control.json"
        self._control = Control()
        self._faults: dict[Fault, Callable[[], contextlib.AbstractAsyncContextManager[None]]] = {
            Fault.KILL_AGENT: self._agent_killed,
            Fault.KILL_BROKER: self._broker_killed,
            Fault.KILL_HUB: self._hub_killed,
            Fault.LINK_DOWN: lambda: self._link(Conditions(refuse=True)),
            Fault.BLACK_HOLE: lambda: self._link(Conditions(black_hole=True)),
            Fault.RESET: self._reset,
            Fault.SLICES: lambda: self._link(Conditions(slice_bytes=1)),
            Fault.SATELLITE: lambda: self._link(SATELLITE),
            Fault.CLOCK_AHEAD: lambda: self._bent(clock_offset_ns=YEAR_NS),
            Fault.CLOCK_BACK: lambda: self._bent(clock_offset_ns=-YEAR_NS),
            Fault.CLOCK_UNTRUSTED: lambda: self._bent(wall_trusted=False),
            Fault.DISK_FULL: lambda: self._bent(disk_full=True),
            Fault.DUPLICATE_CLIENT: self._cloned,
        }
        self._count = 0
        self._exits = 0
        self._peak_memory_mb = 0.0

    async def __aenter__(self) -> Self:
        self._write_control()
        self._broker.mosquitto.start()
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._broker.mosquitto.kill)
            self._proxy = await stack.enter_async_context(ChaosProxy(self._broker.device_port))
            oximeter = await stack.enter_async_context(SimulatedOximeter("contec-v7"))
            self._hub = HubDouble(self._broker.hub_endpoint())
            await self._hub.start()
            stack.push_async_callback(self._hub.stop)
            direct = self._broker.endpoint(DEVICE)
            through = Endpoint(direct.host, self._proxy.port, DEVICE, direct.tls)
            self._agent = AgentProcess(self._folder, through, oximeter.path, self._command)
            await self._agent.start()
            stack.push_async_callback(self._agent.kill)
            await self._measures()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def suffer(self, step: Step) -> None:
        """Let one fault come and go."""
        self._count += 1
        async with self._faults[step.fault]():
            await asyncio.sleep(step.lasts_s)
        await asyncio.sleep(step.calm_s)
        if not self._agent.running:  # as systemd would
            self._exits += 1
            await self._agent.start()

    async def outcome(self) -> Outcome:
        """Wait until everything has healed, stop the box, and look at both ends."""
        loop = asyncio.get_running_loop()
        healed_from_s = loop.time()
        await self._measures()
        promised = set(self._agent.acknowledged)
        await eventually(lambda: promised <= self._stored_readings(), "all that was promised", 60)
        healed_s = loop.time() - healed_from_s
        self._remember_memory()
        assert await self._agent.stop() == 0, self._agent.log.read_text()
        acknowledged = self._agent.acknowledged
        readings = [reading.id for reading in self._hub.readings]
        return Outcome(
            faults=self._count,
            exits=self._exits,
            acknowledged=len(acknowledged),
            stored=len(readings),
            lost=len(set(acknowledged) - set(readings)),
            duplicates=len(readings) - len(set(readings)),
            unnamed_gaps=self._unnamed_gaps(),
            still_queued=self._still_queued(),
            released_unstored=len(self._released() - set(self._hub.stored)),
            healed_s=healed_s,
            peak_memory_mb=self._peak_memory_mb,
            passed_bytes=self._proxy.passed_bytes,
        )

    # -- faults -----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _agent_killed(self) -> AsyncIterator[None]:
        self._remember_memory()
        await self._agent.kill()
        yield
        await self._agent.start()

    @contextlib.asynccontextmanager
    async def _broker_killed(self) -> AsyncIterator[None]:
        self._broker.mosquitto.kill()
        yield
        self._broker.mosquitto.start()
        await self._hub.start()

    @contextlib.asynccontextmanager
    async def _hub_killed(self) -> AsyncIterator[None]:
        await self._hub.stop()
        yield
        await self._hub.start()

    @contextlib.asynccontextmanager
    async def _link(self, conditions: Conditions) -> AsyncIterator[None]:
        self._proxy.conditions = conditions
        yield
        self._proxy.conditions = GOOD

    @contextlib.asynccontextmanager
    async def _reset(self) -> AsyncIterator[None]:
        self._proxy.reset()
        yield

    @contextlib.asynccontextmanager
    async def _bent(self, **changes: object) -> AsyncIterator[None]:
        self._control = replace(self._control, **changes)
        self._write_control()
        yield
        self._control = Control()
        self._write_control()

    @contextlib.asynccontextmanager
    async def _cloned(self) -> AsyncIterator[None]:
        clone = MqttConnection(self._broker.endpoint(DEVICE), on_message=lambda _: None)
        with contextlib.suppress(MqttError):
            await clone.open()
        yield
        await clone.close()

    # -- the parts --------------------------------------------------------------------------------

    def _command(self, settings: Path, acknowledgements: Path) -> list[str]:
        script = agent_under_test.__file__
        files = (settings, acknowledgements, self._control_file)
        return [sys.executable, "-P", script, *map(str, files)]

    def _write_control(self) -> None:
        """In one go: the agent may read at any moment."""
        new = self._control_file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(self._control))
        new.replace(self._control_file)

    async def _measures(self) -> None:
        """Wait until the box has acknowledged something new."""
        known = len(self._agent.acknowledged)
        await eventually(
            lambda: len(self._agent.acknowledged) > known,
            f"a new reading of\n{self._agent.log.read_text()}\n",
        )

    def _remember_memory(self) -> None:
        with contextlib.suppress(OSError, StopIteration):
            self._peak_memory_mb = max(self._peak_memory_mb, self._agent.peak_memory_mb)

    # -- both ends --------------------------------------------------------------------------------

    def _stored_readings(self) -> set[bytes]:
        return {reading.id for reading in self._hub.readings}

    def _unnamed_gaps(self) -> int:
        """Sequences that the hub neither has nor was told of."""
        seen: dict[tuple[bytes, str], set[int]] = {}
        for payload in self._hub.arrived:
            header = payload.header
            seen.setdefault((header.outbox, header.lane), set()).add(header.sequence)
        for payload in self._hub.arrived:
            for message in self._hub.stored[payload.header.id]:
                if isinstance(message, Dropped):
                    named = range(message.first_sequence, message.last_sequence + 1)
                    seen.setdefault((payload.header.outbox, message.lane), set()).update(named)
        return sum(max(sequences) + 1 - len(sequences) for sequences in seen.values())

    @property
    def _outbox(self) -> Path:
        return self._folder / "data" / "outbox" / outbox_name("loan-1")

    def _still_queued(self) -> int:
        store = OutboxStore(self._outbox, QUOTA, _no_report)
        try:
            return sum(count.queued for count in store.count().values())
        finally:
            store.close()

    def _released(self) -> set[bytes]:
        database = apsw.Connection(str(self._outbox))
        rows = database.execute("SELECT id FROM transmission WHERE state = 'released'").fetchall()
        database.close()
        return {transmission for (transmission,) in rows if isinstance(transmission, bytes)}


def _no_report(_: object) -> Draft:
    raise AssertionError("nothing is given up while a stopped box is looked at")


async def suffer_all(folder: Path, steps: list[Step]) -> Outcome:
    """A box through all of `steps`, and what it came to."""
    async with BoxUnderFaults(folder) as box:
        for step in steps:
            await box.suffer(step)
        return await box.outcome()
