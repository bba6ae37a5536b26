"""The agent as it ships, with a meter on Bluetooth: read, killed, read again, and said in `status`."""

import asyncio
from pathlib import Path

from koffert_agent.ble.book import MeterBook, PairedMeter
from koffert_agent.status import ask
from koffert_wire.messages import SensorLink
from tests.device_agent.ble.test_meter import ADDRESS, oximeter
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, eventually
from tests.hub.broker import TestBroker
from tests.support.bluez import simulated_radio


def test_a_paired_meter_is_read_again_after_the_agent_was_killed(tmp_path: Path) -> None:
    async def scenario() -> None:
        meter = oximeter()
        data = tmp_path / "data"
        data.mkdir()
        MeterBook(data).add(PairedMeter(ADDRESS, meter.driver, meter.name, "500001"))
        nowhere = TestBroker(tmp_path).endpoint(DEVICE)
        async with simulated_radio(tmp_path, meter):
            agent = AgentProcess(tmp_path, nowhere, str(tmp_path / "no-port"))
            for _ in range(2):
                known = len(agent.acknowledged)
                await agent.start()
                await eventually(lambda: len(agent.acknowledged) > known)  # noqa: B023 - awaited here
                if not known:
                    await agent.kill()
            seen = {sensor.port: sensor for sensor in (await ask(data)).sensors}
            assert seen[ADDRESS].link is SensorLink.CONNECTED
            assert seen[ADDRESS].battery_pct == 80
            assert await agent.stop() == 0

    asyncio.run(scenario())
