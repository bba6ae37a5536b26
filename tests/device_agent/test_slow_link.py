"""Days of backlog over a satellite: live vitals stay live, the backlog drains, memory stays flat."""

import asyncio
import time
from pathlib import Path

from koffert_wire.messages import Message
from koffert_wire.topics import Lane
from tests.device_agent.support import HubDouble, eventually
from tests.device_agent.test_uplink import Box, block, running_box
from tests.support.chaos import GOOD, ChaosProxy, Conditions
from tests.support.mosquitto import plain_mosquitto

# 64 kbit/s, 600 ms each way.
SATELLITE = Conditions(delay_s=0.6, rate_bytes_s=8_000)
# Behind the backlog it would take a minute and more; `test_long_absence.py` asks for 2 s, on a machine that has time.
LATEST_S = 10.0
LIVE_READINGS = 8
BACKLOG_VITALS, BACKLOG_BULK = 1_000, 100


def test_live_vitals_are_never_late_while_a_backlog_drains_by_satellite(tmp_path: Path) -> None:
    async def scenario(port: int) -> None:
        arrivals: dict[bytes, float] = {}
        async with ChaosProxy(port) as proxy, HubDouble(port, arrivals=arrivals) as hub:
            proxy.conditions = Conditions(refuse=True)
            async with running_box(tmp_path, proxy.port) as box:
                await fill(box)
                proxy.conditions = SATELLITE
                await eventually(lambda: len(hub.arrived) > 10)
                measured: dict[bytes, float] = {}
                for _ in range(LIVE_READINGS):
                    now_s = time.monotonic()
                    measured |= dict.fromkeys(await box.measure(1), now_s)
                    await box.queue(Lane.BULK, [block(box.clock, 120)])
                    await asyncio.sleep(1.0 - (time.monotonic() - now_s))
                await eventually(lambda: measured.keys() <= arrivals.keys())
                late_s = [arrivals[each] - at_s for each, at_s in measured.items()]
                assert max(late_s) < LATEST_S, sorted(late_s)[-3:]
                assert len(hub.arrived) > 2 * LIVE_READINGS + 30, "the backlog moves meanwhile"
                assert "waveform" not in hub.kinds()[:50]
                proxy.conditions = GOOD
                await box.holds(0)
                assert len(hub.readings) == BACKLOG_VITALS + LIVE_READINGS

    with plain_mosquitto(tmp_path) as broker:
        asyncio.run(scenario(broker.port))


async def fill(box: Box) -> None:
    for _ in range(BACKLOG_VITALS // 50):
        await box.measure(50)
    blocks: list[Message] = [block(box.clock, 120) for _ in range(BACKLOG_BULK)]
    await box.queue(Lane.BULK, blocks)
