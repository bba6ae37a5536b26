"""Gateway and kiosk as the two processes that ship, with a simulated oximeter and a small hub."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import pytest

from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Effort, Physiology
from koffert_wire.messages import (
    FORCED_VOLUME,
    PPG,
    CallButton,
    Diary,
    Spirometry,
    SpotContext,
    WaveformBlock,
)
from koffert_wire.topics import Lane
from tests.device_agent.kiosk.process import KioskProcess, Page
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, HubDouble, eventually
from tests.hub.broker import TestBroker

Kind = TypeVar("Kind")

OFF = Physiology(finger_on=False)
ON = Physiology(spo2_pct=91, pulse_bpm=82)


@pytest.fixture
def broker(tmp_path: Path) -> TestBroker:
    return TestBroker(tmp_path)


@contextlib.asynccontextmanager
async def ended(*processes: AgentProcess | KioskProcess) -> AsyncIterator[None]:
    """Leave nothing running, whatever a test finds."""
    try:
        yield
    finally:
        for process in processes:
            await process.kill()


class Morning(NamedTuple):
    """What the box has around it."""

    hub: HubDouble
    oximeter: SimulatedOximeter
    flow: SimulatedOximeter


def of_kind(hub: HubDouble, kind: type[Kind]) -> list[Kind]:
    return [
        message for body in hub.stored.values() for message in body if isinstance(message, kind)
    ]


def test_a_morning_with_a_break_of_everything_goes_all_the_way(
    tmp_path: Path, broker: TestBroker
) -> None:
    """One measurement and one blow; broker, gateway and kiosk each go and come back around them."""

    async def scenario(agent: AgentProcess, kiosk: KioskProcess, morning: Morning) -> None:
        await kiosk.start()
        async with ended(agent, kiosk), kiosk.page() as page:
            await page.at("starting")
            await agent.start()
            await page.at("greeting")
            assert page.screen["note"] == "Nettet er borte. Du kan måle som vanlig."
            broker.mosquitto.start()
            await morning.hub.start()
            for button in ("start", "yes", "no", "yes", "no"):
                await page.press(button)
            await page.at("clip")
            await agent.kill()
            await page.at("starting")
            await agent.start()
            await page.at("clip")
            await measure_and_blow(page, broker, morning)
            await answer_and_call(page, morning.hub)
            morning.oximeter.physiology = ON
            acknowledged = len(agent.acknowledged)
            await kiosk.kill()
            await eventually(lambda: len(agent.acknowledged) > acknowledged + 1)
            await kiosk.start()
            # The clip is on and nobody has said whose finger it is.
            await page.at("who")
            assert (await page.get("/static/kiosk.js")).status_code == 200
            assert await kiosk.stop() == 0
            assert await agent.stop() == 0
        check_what_arrived(morning.hub)

    async def run() -> None:
        hub = HubDouble(broker.hub_endpoint())
        async with (
            SimulatedOximeter("contec-v7", OFF) as oximeter,
            SimulatedOximeter("flow-lines") as flow,
        ):
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            with agent.settings.open("a") as settings:
                settings.write(f'[[sensors]]\ndriver = "flow-lines"\nport = "{flow.path}"\n')
            morning = Morning(hub, oximeter, flow)
            try:
                await scenario(agent, KioskProcess(agent.settings), morning)
            finally:
                await hub.stop()

    try:
        asyncio.run(run())
    finally:
        broker.mosquitto.kill()


async def measure_and_blow(page: Page, broker: TestBroker, morning: Morning) -> None:
    morning.oximeter.physiology = ON
    await page.at("hold")
    # The link goes before the ten seconds are over, and not so early that the box waits long to try again.
    await page.see(lambda screen: (screen["progress"] or 0) >= 0.4, "four seconds")
    broker.mosquitto.kill()
    await page.at("result")
    assert (page.screen["number"], page.screen["title"]) == ("91", "Puls 82")
    assert page.waves > 0
    await page.see(
        lambda screen: screen["lines"] == ["Lagret. Sendes når nettet er tilbake."], "saved"
    )
    broker.mosquitto.start()
    await morning.hub.start()
    await page.see(lambda screen: screen["lines"] == ["Sendt."], "sent")
    morning.oximeter.physiology = OFF
    await page.press("next")
    await page.press("yes")
    await page.at("blow")
    morning.flow.physiology = Physiology(effort=Effort.GOOD)
    await page.at("blown")
    assert page.efforts > 10
    assert page.screen["lines"] == ["Gode forsøk: 1 av 1."]
    await page.press("stop")
    await page.see(lambda screen: screen["lines"][-1] == "Sendt.", "blow sent")


async def answer_and_call(page: Page, hub: HubDouble) -> None:
    for button in ("next", "no", "no", "no"):
        await page.press(button)
    await page.at("done")
    await page.see(lambda screen: screen["lines"] == ["Sendt."], "diary sent")
    await page.press("call")
    await eventually(lambda: bool(of_kind(hub, CallButton)), "the call")
    await page.press("back")


def check_what_arrived(hub: HubDouble) -> None:
    measured = [r for r in hub.readings if r.context is not None]
    answered = SpotContext(oxygen_l_min=0.0, at_rest=True, reliever_before=False, by_patient=True)
    assert {r.context for r in measured} == {answered}
    assert len(measured) >= 10
    [diary] = of_kind(hub, Diary)
    assert not any(diary.answers.values())
    [session] = of_kind(hub, Spirometry)
    assert session.values["fev1_l"] == pytest.approx(1.48, abs=0.1)
    blocks = of_kind(hub, WaveformBlock)
    assert {block.waveform for block in blocks} <= {PPG, FORCED_VOLUME}
    assert [block.id for block in blocks if block.waveform == FORCED_VOLUME] == [*session.curves]
    call_lanes = {p.header.lane for p in hub.arrived if p.header.kind == "call-button"}
    assert call_lanes == {Lane.ALARM}


def test_a_box_that_is_not_lent_is_silent(tmp_path: Path, broker: TestBroker) -> None:
    async def scenario() -> None:
        async with SimulatedOximeter("contec-v7", ON) as oximeter:
            agent = AgentProcess(tmp_path, broker.endpoint(DEVICE), oximeter.path)
            text = agent.settings.read_text()
            agent.settings.write_text(text.replace('loan = "loan-1"\n', ""))
            kiosk = KioskProcess(agent.settings)
            await agent.start()
            await kiosk.start()
            async with ended(agent, kiosk), kiosk.page() as page:
                await page.at("silent")
                assert page.screen["call"] is None
                assert page.screen["buttons"] == []

    asyncio.run(scenario())


def test_the_page_is_for_this_box_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    settings = tmp_path / "agent.toml"
    settings.write_text('data_dir = "data"\n')

    async def scenario(manager: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        kiosk = KioskProcess(settings)
        await kiosk.start({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"})
        async with ended(kiosk), kiosk.page() as page:
            async with asyncio.timeout(40):
                told = {await loop.sock_recv(manager, 100) for _ in range(4)}
            assert told == {b"READY=1", b"WATCHDOG=1"}
            await page.at("starting")
            assert (await page.get("/", Host="elsewhere.example")).status_code == 400
            answer = await page.get("/")
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            press = msgspec.json.encode({"serial": page.serial, "button": "call"})
            assert await page.post(press, "text/plain") == 415
            assert await page.post(b"x" * 300, "application/json") == 400
            assert await page.post(press[:-1], "application/json") == 400
            for path in ("/static/page.html", "/static/..%2fpage.html", "/speech/x.wav"):
                assert (await page.get(path)).status_code == 404
            assert await kiosk.stop() == 0

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        manager.bind(str(tmp_path / "notify"))
        asyncio.run(scenario(manager))
