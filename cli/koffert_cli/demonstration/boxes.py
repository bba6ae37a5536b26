"""Boxes of a demonstration: a simulated oximeter on a port, and the real agent that reads it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

from koffert_agent.status import NotRunningError, ask
from koffert_cli.demonstration.children import READY_POLL_S, Child, koffert
from koffert_cli.demonstration.patients import Patient, effort_at
from koffert_cli.demonstration.provision import Box, Site, write_agent_settings
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Physiology

# Both serial oximeters of the table take turns, so that a demonstration shows more than one protocol.
DRIVERS = ("contec-v7", "nonin-serial")
FLOW_DRIVER = "flow-lines"
# A finger's values change slowly; four times a second is far below what a meter shows.
PHYSIOLOGY_INTERVAL_S = 0.25
# As for the hub (`site.py`): where it fails, its last lines are shown at once.
KIOSK_READY_WITHIN_S = 90.0
# Where the hub is there a box needs some seconds: a receipt waits four for those after it.
DELIVERED_WITHIN_S = 40.0


class Acknowledged(NamedTuple):
    """A reading that the sensor layer has given out of its hands: it is in the outbox."""

    id: bytes
    measured_ns: int


class SimulatedBox:
    """One box: `start`, then `stop`; everything it acknowledged is in `acknowledged`.

    `patient` may be exchanged while it runs. With a `kiosk_port` it also has the patient's screen, a flow
    sensor for the blow that is guided there, and a camera of its own for video visits.
    """

    def __init__(
        self, box: Box, patient: Patient, number: int, kiosk_port: int | None = None
    ) -> None:
        self.box = box
        self.acknowledged: list[Acknowledged] = []
        self.patient = patient
        self._driver = DRIVERS[number % len(DRIVERS)]
        self._oximeter = SimulatedOximeter(self._driver, patient.at(0.0))
        self._agent = Child(
            f"box {box.device}",
            koffert("agent", "run", "--config", str(box.settings), "--acknowledgements", "-"),
            box.folder / "agent.log",
            reads_output=True,
        )
        self.kiosk_port = kiosk_port
        self._flow = None if kiosk_port is None else SimulatedOximeter(FLOW_DRIVER)
        self._kiosk = Child(
            f"kiosk {box.device}",
            koffert("agent", "kiosk", "--config", str(box.settings), "--port", str(kiosk_port)),
            box.folder / "kiosk.log",
        )
        self._video = Child(
            f"video {box.device}",
            koffert("agent", "video", "--config", str(box.settings)),
            box.folder / "video.log",
        )
        self._reader: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the agent is alive."""
        return self._agent.running

    async def start(self, site: Site) -> None:
        """Plug the oximeter in and start the agent."""
        await self._oximeter.__aenter__()
        sensors = {self._driver: self._oximeter.path}
        if self._flow is not None:
            await self._flow.__aenter__()
            sensors[FLOW_DRIVER] = self._flow.path
        write_agent_settings(self.box, site, sensors)
        await self.start_agent()
        await self.start_kiosk()
        if self.kiosk_port is not None:
            await self._video.start()

    async def start_agent(self) -> None:
        """Start the agent, for the first time or again after `kill`."""
        await self._agent.start()
        self._reader = asyncio.create_task(self._read(), name=f"{self._agent.name} output")

    async def start_kiosk(self) -> None:
        """Light up the patient's screen, where there is one."""
        if self.kiosk_port is not None:
            await self._kiosk.start()
            await self._kiosk.wait_for_port(self.kiosk_port, KIOSK_READY_WITHIN_S)

    async def stop_kiosk(self) -> None:
        """Stop its process."""
        if self.kiosk_port is not None:
            await self._kiosk.stop()

    def breathe(self, elapsed_s: float) -> None:
        """Move the finger on to this moment."""
        self._oximeter.physiology = self.patient.at(elapsed_s)
        if self._flow is not None:
            self._flow.physiology = Physiology(effort=effort_at(elapsed_s))

    async def kill(self) -> None:
        """Pull the box's plug."""
        await self._agent.kill()
        await self._finish_reading()

    async def stop(self) -> None:
        """Unplug the meters, let the agent deliver what they brought, and stop it cleanly."""
        await self.stop_kiosk()
        if self.kiosk_port is not None:
            await self._video.stop()
        await self._oximeter.unplug()
        if self._flow is not None:
            await self._flow.unplug()
        await self._deliver()
        await self._agent.stop()
        await self._finish_reading()

    async def _deliver(self) -> None:
        """Wait until the hub has everything; the agent's own three seconds are too few where both have just started."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + DELIVERED_WITHIN_S
        while self._agent.running and loop.time() < deadline_s:
            with contextlib.suppress(NotRunningError):
                status = await ask(self.box.folder / "data")
                if not any(lane.queued for lane in status.queue.values()):
                    return
            await asyncio.sleep(READY_POLL_S)

    async def _read(self) -> None:
        stream = self._agent.process.stdout
        if stream is None:
            raise RuntimeError("the agent was started without a pipe")
        while line := await stream.readline():
            # A killed agent's last line may be cut; what it did not finish, it did not acknowledge.
            with contextlib.suppress(ValueError):
                self.acknowledged.append(_acknowledged(line))

    async def _finish_reading(self) -> None:
        if self._reader is not None:
            await self._reader


def _acknowledged(line: bytes) -> Acknowledged:
    if not line.endswith(b"\n"):
        raise ValueError("cut")
    identifier, _boottime_ns, wall_ns = line.split()
    return Acknowledged(bytes.fromhex(identifier.decode()), int(wall_ns))


async def breathe(boxes: list[SimulatedBox], elapsed_s: Callable[[], float]) -> None:
    """Keep all fingers moving until cancelled."""
    while True:
        for box in boxes:
            box.breathe(elapsed_s())
        await asyncio.sleep(PHYSIOLOGY_INTERVAL_S)
