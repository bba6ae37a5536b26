"""A box on a link that loses packets: `unshare -Urn python -m tests.faults.lossy SECONDS`; prints one JSON object."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from koffert_agent import status
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_wire.envelope import Payload
from koffert_wire.mqtt import Endpoint
from tests.device_agent.process import AgentProcess
from tests.device_agent.support import DEVICE, HubDouble
from tests.hub.broker import TestBroker
from tests.support.lossy_link import FAR, NEAR, Carried, LossyLink

LOSS, DELAY_S = 0.2, 1.5
ARRIVES_WITHIN_S = 600.0


class Crossing(Struct, frozen=True):
    """What came over, and at which price; on the wire bytes are whole IP packets, lost ones too."""

    acknowledged: int
    missing: int
    transmissions: int
    sent_again: int
    payload_bytes: int
    up: Carried
    down: Carried
    packets_lost: int
    took_s: float

    @property
    def ratio_up(self) -> float:
        """Bytes that the box put on the wire for each byte of payload."""
        return self.up.bytes / self.payload_bytes

    @property
    def ratio_both_ways(self) -> float:
        """The same with what came back."""
        return (self.up.bytes + self.down.bytes) / self.payload_bytes


async def cross(folder: Path, measured_s: float, loss: float, delay_s: float) -> Crossing:
    """Measure for so long, then wait until all of it is at the hub."""
    began_s = time.monotonic()
    broker = TestBroker(folder, NEAR, FAR)
    async with (
        LossyLink(broker.device_port, loss, delay_s) as link,
        SimulatedOximeter("contec-v7") as oximeter,
    ):
        broker.mosquitto.start()
        try:
            async with HubDouble(broker.hub_endpoint(), holding=True) as hub:
                tls = broker.endpoint(DEVICE).tls
                far = Endpoint(FAR, broker.device_port, DEVICE, tls)
                agent = AgentProcess(folder, far, oximeter.path)
                await agent.start()
                await asyncio.sleep(measured_s)
                await oximeter.unplug()
                stored = hub.stored
                async with asyncio.timeout(ARRIVES_WITHIN_S):
                    while await _queued(folder):  # noqa: ASYNC110 - another process
                        await asyncio.sleep(0.2)
                await agent.kill()
        finally:
            broker.mosquitto.kill()
    acknowledged = set(agent.acknowledged)
    return Crossing(
        acknowledged=len(acknowledged),
        missing=len(acknowledged - {one.id for one in hub.readings}),
        transmissions=len(stored),
        sent_again=len(hub.arrived) - len(stored),
        payload_bytes=sum({one.header.id: _size(one) for one in hub.arrived}.values()),
        up=link.up,
        down=link.down,
        packets_lost=link.lost,
        took_s=time.monotonic() - began_s,
    )


def _size(payload: Payload) -> int:
    return len(payload.authenticated) + len(payload.mac)


async def _queued(folder: Path) -> bool:
    """Whether the box holds a row, of whatever lane, that has no receipt yet."""
    try:
        queue = (await status.ask(folder / "data")).queue
    except status.NotRunningError:
        return True  # it has too much to do to answer
    return any(lane.queued for lane in queue.values())


def main() -> None:
    """Print what a crossing of so many seconds came to."""
    with tempfile.TemporaryDirectory() as folder:
        crossing = asyncio.run(cross(Path(folder), float(sys.argv[1]), LOSS, DELAY_S))
    ratios = {"ratio_up": crossing.ratio_up, "ratio_both_ways": crossing.ratio_both_ways}
    answer = {**ratios, **msgspec.structs.asdict(crossing)}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


if __name__ == "__main__":
    main()
