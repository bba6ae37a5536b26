"""A running site: broker and hub, and the boxes of a demonstration, started and stopped in order."""

import asyncio
from collections.abc import Callable

from koffert_cli.daemons import find_daemon
from koffert_cli.demonstration.boxes import SimulatedBox, breathe
from koffert_cli.demonstration.children import Child, free_port, koffert
from koffert_cli.demonstration.patients import ward
from koffert_cli.demonstration.provision import Site

# The same ward each time: a visitor who comes back finds the patients as they were.
SEED = 2026
BROKER_READY_WITHIN_S = 40.0
# A busy small machine needs most of a minute; where it fails, the hub's own last lines are shown at once.
HUB_READY_WITHIN_S = 90.0
# A box costs a second of a core to start; more at once would only make all of them late.
_STARTING_AT_ONCE = 4


class Servers:
    """Broker and hub of a site; `start`, then `stop` in any case. `report` is told what is being done.

    With `workers` (which need PostgreSQL) they take in what the boxes send, instead of the hub.
    """

    def __init__(self, site: Site, report: Callable[[str], None], *, workers: int = 0) -> None:
        self._site = site
        self._report = report
        self.broker = _broker(site)
        settings = ("--config", str(site.hub_settings))
        alone = ("--without-ingest",) if workers else ()
        self.hub = Child("hub", koffert("hub", "run", *settings, *alone), site.folder / "hub.log")
        self._workers = [
            Child(
                f"worker {number}",
                koffert("hub", "worker", *settings),
                site.folder / f"worker-{number}.log",
            )
            for number in range(1, workers + 1)
        ]

    async def start(self) -> None:
        """Start the broker, then the hub; raises UserError with the log of what did not start."""
        self._report("starting the broker (mosquitto, mutual TLS)")
        await self.broker.start()
        await self.broker.wait_for_port(self._site.ports.devices, BROKER_READY_WITHIN_S)
        self._report("starting the hub")
        await self.hub.start()
        await self.hub.wait_for_port(self._site.ports.web, HUB_READY_WITHIN_S)
        if self._workers:
            self._report(f"starting {len(self._workers)} workers")
        await asyncio.gather(*(worker.start() for worker in self._workers))

    async def stop(self) -> None:
        """Stop the workers and the hub, then the broker."""
        self._report("stopping the hub and the broker")
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        await self.hub.stop()
        await self.broker.stop()


class Demonstration:
    """Everything that runs; `start`, then `stop` in any case. `report` is told what is being done.

    The first `kiosks` boxes have the patient's screen.
    """

    def __init__(self, site: Site, report: Callable[[str], None], *, kiosks: int = 0) -> None:
        self.site = site
        self._report = report
        self._servers = Servers(site, report)
        self.broker, self.hub = self._servers.broker, self._servers.hub
        patients = ward(len(site.boxes), SEED)
        self.boxes = [
            SimulatedBox(box, patient, number, free_port() if number < kiosks else None)
            for number, (box, patient) in enumerate(zip(site.boxes, patients, strict=True))
        ]
        self._breathing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start broker, hub, then the boxes; raises UserError with the log of what did not start."""
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        await self._servers.start()
        self._report(f"starting {len(self.boxes)} boxes with simulated oximeters")
        self._breathing = loop.create_task(
            breathe(self.boxes, lambda: loop.time() - started_s), name="patients"
        )
        await self._start_boxes()

    async def stop(self) -> None:
        """Stop the boxes, which deliver what they hold, then the hub, then the broker."""
        self._report("stopping the boxes; they deliver what they hold")
        if self._breathing is not None:
            self._breathing.cancel()
        await asyncio.gather(*(box.stop() for box in self.boxes))
        await self._servers.stop()

    async def _start_boxes(self) -> None:
        turn = asyncio.Semaphore(_STARTING_AT_ONCE)

        async def start(box: SimulatedBox) -> None:
            async with turn:
                await box.start(self.site)

        await asyncio.gather(*(start(box) for box in self.boxes))


def _broker(site: Site) -> Child:
    daemon = find_daemon("mosquitto")
    command = [str(daemon.path), "-c", str(site.broker_settings)]
    return Child("broker", command, site.folder / "broker.log", environment=daemon.environment())
