"""A load test: a site of its own on loopback, a swarm of boxes on it, and what both sides counted."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec import Struct

from koffert_cli.demonstration.children import free_port
from koffert_cli.demonstration.provision import Ports, Site, provision
from koffert_cli.demonstration.site import Servers
from koffert_cli.demonstration.totals import percentile, stored_readings
from koffert_cli.output import EXIT_FAILED, UserError
from koffert_cli.simulation.cohort import LOAN_DAYS, Assumptions, Course
from koffert_cli.simulation.swarm import Swarm, SwarmBox
from koffert_hub.database import open_database, reading
from koffert_hub.settings import Settings

# The same ward each time.
SEED = 2026
SETTLE_WITHIN_S = 60.0
# A link holds a socket and the pair that paho wakes itself with; the rest is room for files.
FILES_PER_BOX = 3
FILES_SPARE = 200


class Totals(Struct, frozen=True):
    """What was sent, and what became of it; latency is from the reading to its receipt at the box.

    `lost` were receipted and are not stored, which must never be; `waiting` had no receipt at the end.
    """

    boxes: int
    exacerbations: int
    seconds: float
    sent: int
    receipted: int
    stored: int
    lost: int
    duplicates: int
    waiting: int
    receipted_per_s: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None


class Label(Struct, frozen=True):
    """The truth about one box's patient: the day of the latent event's onset, and how far it has come."""

    device: str
    patient: str
    day: int
    onset_day: int | None
    severity: float


def courses(count: int, seed: int = SEED) -> list[Course]:
    """`count` patients, one on each day of the loan in turn; the same ones for the same seed."""
    random = np.random.default_rng(seed)
    return [Course(Assumptions(), random, number % LOAN_DAYS) for number in range(count)]


def make_room(boxes: int) -> None:
    """Let this process open as many files as the boxes need; raises UserError when it may not."""
    needed = FILES_PER_BOX * boxes + FILES_SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UserError(
            f"{boxes} boxes need {needed} open files and this process may have {hard}",
            next_step=f"ulimit -n {needed}, or fewer boxes",
            exit_code=EXIT_FAILED,
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def make_site(folder: Path, boxes: int, stores: Settings | None = None) -> Site:
    """A throw-away site on free loopback ports; its data goes where `stores` says, if it is given."""
    ports = Ports(devices=free_port(), hub=free_port(), web=free_port())
    return provision(folder, boxes, ports, datetime.now(UTC), stores)


class LoadTest:
    """`run` once; afterwards `labels` tells what was simulated.

    With `workers` these take in what is sent, on the stores of an installation's settings.
    """

    def __init__(
        self,
        folder: Path,
        boxes: int,
        report: Callable[[str], None],
        *,
        stores: Settings | None = None,
        workers: int = 0,
    ) -> None:
        make_room(boxes)
        self._report = report
        report(f"making keys and certificates of {boxes} boxes")
        self.site = make_site(folder, boxes, stores)
        self.servers = Servers(self.site, report, workers=workers)
        self._courses = courses(boxes)

    @property
    def labels(self) -> list[Label]:
        """One for each box."""
        pairs = zip(self.site.boxes, self._courses, strict=True)
        return [
            Label(box.device, box.patient, number % LOAN_DAYS, course.onset_day, course.severity)
            for number, (box, course) in enumerate(pairs)
        ]

    async def run(self, seconds: float, rate_hz: float, stop: asyncio.Event) -> Totals:
        """Start everything, send, wait for the receipts, stop everything, count."""
        swarm = Swarm(self.site, self._courses)
        try:
            await self.servers.start()
            self._report(f"connecting {len(swarm.boxes)} boxes over mutual TLS")
            await swarm.connect()
            self._report(f"each box sends {rate_hz:g} readings a second")
            start_s = time.monotonic()
            await swarm.send_for(seconds, rate_hz, stop)
            await swarm.settle(SETTLE_WITHIN_S)
            took_s = time.monotonic() - start_s
        finally:
            await swarm.stop()
            await self.servers.stop()
        return self._count(swarm.boxes, took_s)

    def _count(self, boxes: list[SwarmBox], took_s: float) -> Totals:
        engine = open_database(self.site.database_url)
        try:
            with reading(engine) as connection:
                copies = Counter(one.id for one in stored_readings(connection))
        finally:
            engine.dispose()
        receipted = {identifier for box in boxes for identifier in box.receipted}
        latencies_ms = sorted(one for box in boxes for one in box.latencies_ms)
        return Totals(
            boxes=len(boxes),
            exacerbations=sum(course.severity > 0 for course in self._courses),
            seconds=round(took_s, 2),
            sent=sum(box.sent for box in boxes),
            receipted=len(receipted),
            stored=len(copies),
            lost=len(receipted - copies.keys()),
            duplicates=copies.total() - len(copies),
            waiting=sum(len(box.waiting) for box in boxes),
            receipted_per_s=round(len(receipted) / took_s, 1),
            latency_p50_ms=percentile(latencies_ms, 0.50),
            latency_p99_ms=percentile(latencies_ms, 0.99),
        )
