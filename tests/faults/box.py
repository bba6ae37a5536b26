"""One box on a bad link: the agent's process, a simulated oximeter, a small disk, a chaos proxy."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
from msgspec.structs import replace

from koffert_agent import status
from koffert_agent.clock import SystemClock, now
from koffert_agent.kiosk.records import (
    SOCKET_NAME,
    Delivery,
    Submit,
    encode_line,
    read_from_gateway,
)
from koffert_agent.local_socket import socket_address
from koffert_agent.outbox.folder import outbox_name
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Physiology
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import CallButton
from koffert_wire.mqtt import Endpoint, MqttConnection, MqttError
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import eventually
from tests.faults import agent_under_test
from tests.faults.agent_under_test import Control
from tests.faults.centre import HEALS_WITHIN_S, LOOK_EVERY_S, Lent
from tests.faults.schedule import Fault, Step
from tests.hub.broker import TestBroker
from tests.support.chaos import GOOD, ChaosProxy, Conditions
from tests.support.small_disk import small_disk

YEAR_NS = 365 * 24 * 3600 * 1_000_000_000
# 64 kbit/s and 600 ms each way: a geostationary satellite.
SATELLITE = Conditions(delay_s=0.6, rate_bytes_s=8_000)
FINGER_OUT = Physiology(finger_on=False)


class Waiting(NamedTuple):
    """A lane with rows that have no receipt yet; `behind_s` shrinks only when its oldest ones get theirs."""

    device: str
    behind_s: float
    detail: str


class BoxUnderFaults:
    """Everything of one box, running while the `async with` lasts."""

    def __init__(self, folder: Path, device: str, lent: Lent, broker: TestBroker) -> None:
        folder.mkdir()
        self.device = device
        self.lent = lent
        self.data_dir = folder / "data"
        self.outbox = self.data_dir / "outbox" / outbox_name(lent.loan)
        self.exits = 0
        self.peak_memory_mb = 0.0
        self.pressed: set[bytes] = set()
        self._folder = folder
        self._broker = broker
        self._clock = SystemClock()
        self._control_file = folder / "control.json"
        self._control = Control()
        self._killed = False
        self._faults: dict[Fault, Callable[[], AbstractAsyncContextManager[None]]] = {
            Fault.KILL_AGENT: self._agent_killed,
            Fault.LINK_DOWN: lambda: self._link(Conditions(refuse=True)),
            Fault.BLACK_HOLE: lambda: self._link(Conditions(black_hole=True)),
            Fault.RESET: self._reset,
            Fault.SLICES: lambda: self._link(Conditions(slice_bytes=1)),
            Fault.PACKETS_LOST: lambda: self._link(Conditions(delay_s=0.15, lost=0.2)),
            Fault.SATELLITE: lambda: self._link(SATELLITE),
            Fault.CLOCK_AHEAD: lambda: self._bent(clock_offset_ns=YEAR_NS),
            Fault.CLOCK_BACK: lambda: self._bent(clock_offset_ns=-YEAR_NS),
            Fault.CLOCK_UNTRUSTED: lambda: self._bent(wall_trusted=False),
            Fault.DISK_FULL: self._disk_full,
            Fault.DUPLICATE_CLIENT: self._cloned,
            Fault.CERTIFICATE_EXPIRED: self._expired,
            Fault.FINGER_OUT: self._finger_out,
        }

    async def __aenter__(self) -> Self:
        self._write_control()
        direct = self._broker.endpoint(self.device)
        async with contextlib.AsyncExitStack() as stack:
            self._disk = stack.enter_context(small_disk(self.data_dir))
            self._proxy = await stack.enter_async_context(ChaosProxy(self._broker.device_port))
            self._oximeter = await stack.enter_async_context(SimulatedOximeter("contec-v7"))
            through = Endpoint(direct.host, self._proxy.port, self.device, direct.tls)
            self.agent = AgentProcess(
                *(self._folder, through, self._oximeter.path),
                command=self._command,
                loan=self.lent.loan,
                keys=self.lent.keys,
            )
            await self.agent.start()
            stack.push_async_callback(self.agent.kill)
            await self.measures()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def suffer(self, step: Step) -> None:
        """Let one fault come and go."""
        async with self._faults[step.fault]():
            await asyncio.sleep(step.lasts_s)
            await self._press_button()
        await asyncio.sleep(step.calm_s)
        await self._restart_if_ended()

    async def measures(self) -> None:
        """Wait until it has acknowledged something new."""
        await self._restart_if_ended()
        known = len(self.agent.acknowledged)
        await eventually(
            lambda: len(self.agent.acknowledged) > known,
            f"a new reading of\n{self.log()[-4000:]}\n",
            HEALS_WITHIN_S,
            LOOK_EVERY_S,
        )

    async def _restart_if_ended(self) -> None:
        """As systemd would; an agent that gives up by itself is counted, and must not."""
        if not self.agent.running and not self._killed:
            self.exits += 1
            await self.agent.start()

    async def stop(self) -> None:
        """Ask it to stop; it must."""
        self._remember_memory()
        assert await self.agent.stop() == 0, self.log()

    async def start(self) -> None:
        """Start it again."""
        await self.agent.start()
        await self.measures()

    async def waiting(self, since_s: float) -> list[Waiting]:
        """The lanes with a row that was queued more than `since_s` ago and has no receipt yet."""
        try:
            queue = (await status.ask(self.data_dir)).queue
        except status.NotRunningError as error:
            return [Waiting(self.device, 0.0, str(error))]
        return [
            Waiting(
                self.device,
                lane.oldest_s - since_s,
                f"{lane.queued} of {name}, the oldest {lane.oldest_s:.0f} s old",
            )
            for name, lane in queue.items()
            if lane.oldest_s is not None and lane.oldest_s > since_s
        ]

    def keep_evidence(self) -> None:
        """Copy the outbox from the box's small disk to where it outlives the box."""
        shutil.copytree(self.outbox.parent, self._folder / "evidence")

    def log(self) -> str:
        """What the agent has written."""
        return self.agent.log.read_text()

    # -- faults -----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _agent_killed(self) -> AsyncIterator[None]:
        self._remember_memory()
        self._killed = True
        await self.agent.kill()
        yield
        await self.agent.start()
        self._killed = False

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
    async def _disk_full(self) -> AsyncIterator[None]:
        if self._disk is None:
            async with self._bent(disk_full=True):
                yield
            return
        self._disk.fill()
        yield
        self._disk.free()

    @contextlib.asynccontextmanager
    async def _cloned(self) -> AsyncIterator[None]:
        clone = MqttConnection(self._broker.endpoint(self.device), on_message=lambda _: None)
        with suppress(MqttError):
            await clone.open()
        yield
        await clone.close()

    @contextlib.asynccontextmanager
    async def _expired(self) -> AsyncIterator[None]:
        file = self._broker.certificate(self.device).certificate
        good = file.read_bytes()
        _replace(file, self._broker.expired_certificate(self.device))
        self._proxy.reset()
        yield
        _replace(file, good)

    @contextlib.asynccontextmanager
    async def _finger_out(self) -> AsyncIterator[None]:
        self._oximeter.physiology = FINGER_OUT
        yield
        self._oximeter.physiology = Physiology()

    async def _press_button(self) -> None:
        """The patient calls, through the kiosk's socket; counts once the gateway says that it is kept."""
        press = CallButton(uuid7(self._clock.wall_ns(), os.urandom(10)), now(self._clock))
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1), socket_address(self.data_dir, SOCKET_NAME) as address:
                reader, writer = await asyncio.open_unix_connection(address)
                with contextlib.closing(writer):
                    writer.write(encode_line(Submit(press)))
                    while line := await reader.readline():
                        told = read_from_gateway(line)
                        if isinstance(told, Delivery) and press.id in told.ids:
                            self.pressed.add(press.id)
                            return

    # -- the parts --------------------------------------------------------------------------------

    def _command(self, settings: Path, acknowledgements: Path) -> list[str]:
        script = agent_under_test.__file__
        files = (settings, acknowledgements, self._control_file)
        return [sys.executable, "-P", script, *map(str, files)]

    def _write_control(self) -> None:
        """In one go: the agent may read at any moment."""
        _replace(self._control_file, msgspec.json.encode(self._control))

    def _remember_memory(self) -> None:
        with suppress(OSError, StopIteration):
            self.peak_memory_mb = max(self.peak_memory_mb, self.agent.peak_memory_mb)


def _replace(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.replace(file)
