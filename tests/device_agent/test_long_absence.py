"""Three days without a link, then a satellite: live values stay live while the backlog drains, memory stays flat."""

import asyncio
import time
from pathlib import Path

import pytest

from koffert_agent.clock import NS_PER_S
from koffert_agent.outbox.folder import outbox_name
from koffert_agent.outbox.records import Draft, Quota
from koffert_agent.outbox.store import OutboxStore
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_wire.messages import Message
from koffert_wire.mqtt import Endpoint
from koffert_wire.topics import Lane
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import (
    DEVICE,
    HubDouble,
    ManualClock,
    eventually,
    make_reading,
    make_sealer,
)
from tests.device_agent.test_uplink import block
from tests.hub.broker import TestBroker, hub_broker
from tests.support.chaos import GOOD, ChaosProxy, Conditions

HOURS = 72
# How long the clip is on in each of them, with a value and a block of pulse wave each second.
NOW_AND_THEN_S, UNBROKEN_S = 5 * 60, 3600
QUOTA = Quota(1024 * 1024 * 1024, 64 * 1024 * 1024)
SATELLITE = Conditions(delay_s=0.6, rate_bytes_s=8_000)
LATE_S = 2.0
BY_SATELLITE_S, BY_GOOD_LINK_S = 300.0, 60.0
MEMORY_LIMIT_MB = 110
FLAT_MB = 10  # the smaller backlog weighs ten times as much
DRAINED_WITHIN_S = 2400.0


def offline(path: Path, live_s_per_hour: int) -> None:
    """The outbox that three days have left."""
    clock = ManualClock()
    sealer = make_sealer(clock)
    path.parent.mkdir(parents=True)
    store = OutboxStore(path, QUOTA, sealer.report)
    for _ in range(HOURS):
        for _ in range(live_s_per_hour // 60):
            drafts: list[Draft] = []
            for _ in range(60):
                clock.advance(1)
                told: list[tuple[Lane, Message]] = [
                    (Lane.VITALS, make_reading(clock)),
                    (Lane.BULK, block(clock, 120)),
                ]
                drafts += (sealer.draft(lane, [message]) for lane, message in told)
            store.append(drafts)
        clock.advance(3600 - live_s_per_hour)
    store.close()


class Drain:
    """What the hub saw, and when."""

    def __init__(self, agent: AgentProcess, hub: HubDouble, arrivals: dict[bytes, float]) -> None:
        self._agent = agent
        self._hub = hub
        self._arrivals = arrivals

    async def lateness(self, seconds: float) -> list[float]:
        """Measure for so long on the link as it is; the lateness of all that was measured, in order."""
        before = set(self._agent.acknowledged)
        await asyncio.sleep(seconds)
        mine = set(self._agent.acknowledged) - before
        await eventually(lambda: mine <= self._arrivals.keys(), "what was measured meanwhile", 120)
        boot_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
        return sorted(
            self._arrivals[reading.id] + boot_s - reading.at.boottime_ns / NS_PER_S
            for reading in self._hub.readings
            if reading.id in mine
        )


async def drain(folder: Path, broker: TestBroker, backlog: int) -> dict[str, float]:
    """The agent's process with that outbox; lateness by satellite and by a good link, in seconds."""
    arrivals: dict[bytes, float] = {}
    hub = HubDouble(broker.hub_endpoint(), arrivals=arrivals, holding=True)
    async with (
        hub,
        ChaosProxy(broker.device_port) as proxy,
        SimulatedOximeter("contec-v7") as oximeter,
    ):
        proxy.conditions = SATELLITE
        through = Endpoint("127.0.0.1", proxy.port, DEVICE, broker.endpoint(DEVICE).tls)
        agent = AgentProcess(folder, through, oximeter.path)
        await agent.start()
        watching = Drain(agent, hub, arrivals)
        await eventually(lambda: len(arrivals) > 50, "the first readings", 60)
        by_satellite = await watching.lateness(BY_SATELLITE_S)
        by_satellite_rows, early_mb = len(hub.stored), agent.peak_memory_mb
        proxy.conditions = GOOD
        by_good_link = await watching.lateness(BY_GOOD_LINK_S)
        per_s = (len(hub.stored) - by_satellite_rows) / BY_GOOD_LINK_S
        await eventually(
            lambda: len(arrivals) >= backlog and _no_backlog(hub, backlog),
            "the backlog",
            DRAINED_WITHIN_S,
            1.0,
        )
        memory_mb = agent.peak_memory_mb
        assert await agent.stop() == 0
    assert set(agent.acknowledged) <= arrivals.keys()
    return {
        "satellite_s": by_satellite[-1],
        "satellite_readings": len(by_satellite),
        "satellite_rows": by_satellite_rows,
        "good_link_s": by_good_link[-1],
        "good_link_readings": len(by_good_link),
        "good_link_rows_per_s": per_s,
        "memory_mb": memory_mb,
        "grown_mb": memory_mb - early_mb,
    }


def _no_backlog(hub: HubDouble, backlog: int) -> bool:
    lowest = {
        lane: stamp for one in hub.arrived[-3:] for lane, stamp in one.stamp.lowest_queued.items()
    }
    return lowest.get(Lane.BULK, 0) >= backlog


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("live_s_per_hour", [NOW_AND_THEN_S, UNBROKEN_S])
def test_three_days_drain_behind_what_is_live(tmp_path: Path, live_s_per_hour: int) -> None:
    offline(tmp_path / "data" / "outbox" / outbox_name("loan-1"), live_s_per_hour)
    with hub_broker(tmp_path) as broker:
        seen = asyncio.run(drain(tmp_path, broker, HOURS * live_s_per_hour))
    print(seen)  # noqa: T201 - what it came to, for whoever runs it by hand
    assert seen["satellite_readings"] > BY_SATELLITE_S / 2
    assert seen["good_link_readings"] > BY_GOOD_LINK_S / 2
    assert seen["satellite_s"] < LATE_S + SATELLITE.delay_s, seen
    assert seen["good_link_s"] < LATE_S, seen
    assert seen["memory_mb"] < MEMORY_LIMIT_MB, seen
    assert seen["grown_mb"] < FLAT_MB, seen
