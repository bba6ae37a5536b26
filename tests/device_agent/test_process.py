"""`koffert agent run` as it ships: starts quickly, survives kill -9, stops cleanly, tells systemd."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_wire.mqtt import Endpoint
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, HubDouble, eventually
from tests.hub.broker import TestBroker
from tests.support.chaos import GOOD, ChaosProxy, Conditions

KILLS = 6
BACK_WITHIN_S = 5.0
HEAVY = {"bleak", "matplotlib", "numpy", "scipy", "sqlalchemy"}
STOPS_WITHIN_S = 5.0


@pytest.fixture
def broker(tmp_path: Path) -> TestBroker:
    return TestBroker(tmp_path)


async def start_and_measure(agent: AgentProcess) -> None:
    known = len(agent.acknowledged)
    await agent.start()
    await eventually(lambda: len(agent.acknowledged) > known)


def test_every_acknowledged_reading_survives_kills_and_is_stored_once(
    tmp_path: Path, broker: TestBroker
) -> None:
    chance = Random(1)  # noqa: S311 - reproducible on purpose

    async def scenario() -> None:
        hub = HubDouble(broker.hub_endpoint())
        async with SimulatedOximeter("contec-v7") as oximeter:
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            await hub.start()
            for kill in range(KILLS):
                await start_and_measure(agent)
                await asyncio.sleep(chance.random() * 0.5)  # the kill must hit any moment
                if kill % 2:
                    await hub.stop()
                await agent.kill()
                if kill % 2:
                    await hub.start()
            await start_and_measure(agent)
            await eventually(lambda: set(agent.acknowledged) <= {r.id for r in hub.readings})
            assert await agent.stop() == 0
            stored = [reading.id for reading in hub.readings]
            assert set(agent.acknowledged) <= set(stored)
            assert len(stored) == len(set(stored))
            await hub.stop()

    broker.mosquitto.start()
    try:
        asyncio.run(scenario())
    finally:
        broker.mosquitto.kill()


def test_it_starts_and_keeps_readings_with_no_network_and_stops_in_time(
    tmp_path: Path, broker: TestBroker
) -> None:
    async def scenario() -> None:
        async with SimulatedOximeter("contec-v7") as oximeter:
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            await agent.start()
            await eventually(lambda: len(agent.acknowledged) >= 2)
            assert await agent.stop() == 0

    asyncio.run(scenario())


def test_it_starts_where_the_disk_cannot_be_measured(tmp_path: Path, broker: TestBroker) -> None:
    """As on a full disk, which refuses the test's own file."""
    (tmp_path / "data" / ".sync-test").mkdir(parents=True)

    async def scenario() -> None:
        async with SimulatedOximeter("contec-v7") as oximeter:
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            await start_and_measure(agent)
            assert await agent.stop() == 0
            assert "could not be measured" in agent.log.read_text()

    asyncio.run(scenario())


@pytest.mark.parametrize("while_connecting", [True, False])
def test_it_stops_in_time_on_a_link_that_swallows_everything(
    tmp_path: Path, broker: TestBroker, *, while_connecting: bool
) -> None:
    swallowing = Conditions(black_hole=True)

    async def scenario() -> None:
        async with (
            ChaosProxy(broker.device_port) as proxy,
            HubDouble(broker.hub_endpoint()) as hub,
            SimulatedOximeter("contec-v7") as oximeter,
        ):
            proxy.conditions = swallowing if while_connecting else GOOD
            direct = broker.endpoint(DEVICE)
            through = Endpoint(direct.host, proxy.port, DEVICE, direct.tls)
            agent = AgentProcess(tmp_path, through, oximeter.path)
            await start_and_measure(agent)
            await eventually(lambda: while_connecting or bool(hub.readings))
            proxy.conditions = swallowing
            async with asyncio.timeout(40):
                assert await agent.stop() == 0

    broker.mosquitto.start()
    try:
        asyncio.run(scenario())
    finally:
        broker.mosquitto.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param(GOOD, id="streaming"),
        pytest.param(Conditions(black_hole=True), id="link swallows everything"),
        pytest.param(Conditions(refuse=True), id="nobody answers"),
        pytest.param(Conditions(delay_s=0.6, rate_bytes_s=8_000), id="satellite"),
    ],
)
def test_it_stops_within_five_seconds_of_being_asked(
    tmp_path: Path, broker: TestBroker, conditions: Conditions
) -> None:
    async def scenario() -> float:
        async with (
            ChaosProxy(broker.device_port) as proxy,
            HubDouble(broker.hub_endpoint()) as hub,
            SimulatedOximeter("contec-v7") as oximeter,
        ):
            direct = broker.endpoint(DEVICE)
            through = Endpoint(direct.host, proxy.port, DEVICE, direct.tls)
            agent = AgentProcess(tmp_path, through, oximeter.path)
            await start_and_measure(agent)
            await eventually(lambda: bool(hub.readings))
            proxy.conditions = conditions
            known = len(agent.acknowledged)
            await eventually(lambda: len(agent.acknowledged) > known + 2)
            asked_s = time.monotonic()
            assert await agent.stop() == 0
            return time.monotonic() - asked_s

    broker.mosquitto.start()
    try:
        took_s = asyncio.run(scenario())
    finally:
        broker.mosquitto.kill()
    print(f"stopped in {took_s:.2f} s")  # noqa: T201 - what it came to, for whoever runs it by hand
    assert took_s < STOPS_WITHIN_S


def test_systemd_hears_that_it_is_ready_and_stopping(tmp_path: Path, broker: TestBroker) -> None:
    async def scenario(manager: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with SimulatedOximeter("contec-v7") as oximeter:
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            # The kernel keeps ten words that nobody has read; the eleventh is lost.
            await agent.start({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "2000000"})
            async with asyncio.timeout(40):
                assert await loop.sock_recv(manager, 100) == b"READY=1"
                assert await loop.sock_recv(manager, 100) == b"WATCHDOG=1"
            assert await agent.stop() == 0
            told = [b""]
            while told[-1] != b"STOPPING=1":
                told.append(await loop.sock_recv(manager, 100))

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        manager.bind(str(tmp_path / "notify"))
        asyncio.run(scenario(manager))


@pytest.mark.slow
def test_a_killed_box_is_back_within_five_seconds(
    tmp_path: Path, broker: TestBroker, root: Path
) -> None:
    """The pause before a restart, as the unit has it, and the fastest of some starts until READY=1."""
    unit = (root / "systemd/system/koffert-agent.service").read_text()
    [pause_s] = [
        float(line.removeprefix("RestartSec="))
        for line in unit.splitlines()
        if line.startswith("RestartSec=")
    ]

    async def back_s(agent: AgentProcess, manager: socket.socket) -> float:
        loop = asyncio.get_running_loop()
        known = len(agent.acknowledged)
        await eventually(lambda: len(agent.acknowledged) > known)
        await agent.kill()
        began_s = loop.time()
        await agent.start({"NOTIFY_SOCKET": manager.getsockname()})
        async with asyncio.timeout(40):
            assert await loop.sock_recv(manager, 100) == b"READY=1"
        return loop.time() - began_s

    async def scenario(manager: socket.socket) -> None:
        async with SimulatedOximeter("contec-v7") as oximeter:
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            await agent.start()
            starts_s = [await back_s(agent, manager) for _ in range(KILLS)]
            assert await agent.stop() == 0
        assert pause_s + min(starts_s) <= BACK_WITHIN_S, starts_s

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        manager.bind(str(tmp_path / "notify"))
        asyncio.run(scenario(manager))


def test_nothing_heavy_is_imported_to_run_the_box() -> None:
    code = "import sys, koffert_agent.gateway as _; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not HEAVY & set(run.stdout.split())


def test_settings_that_cannot_be_used_are_said_with_file_and_key(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('device = "box-1"\n')
    command = [sys.executable, "-P", "-m", "koffert_cli", "agent", "run", "--config", str(config)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)
    assert run.returncode == 2
    assert str(config) in run.stderr
    assert "data_dir" in run.stderr
