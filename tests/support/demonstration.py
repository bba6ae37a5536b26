"""The whole system, as `koffert demo` starts it, under a test's control."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from koffert_cli.demonstration.patients import Patient, Story
from koffert_cli.demonstration.provision import Ports, Site, provision
from koffert_cli.demonstration.site import Demonstration
from koffert_cli.demonstration.totals import Totals, totals
from koffert_hub.database import open_database
from tests.support.mosquitto import free_port
from tests.support.own_loop import OwnLoop

# How long a killed system may take to deliver everything after it is whole again. The slowest part is a
# box's reconnect: two unlucky waits of its back-off.
HEALED_WITHIN_S = 40.0
_LOOK_INTERVAL_S = 0.2


def patient(spo2_pct: float, pulse_bpm: float = 80, *, finger_on: bool = True) -> Patient:
    """A patient whose numbers stay as they are."""
    off = Story(every_s=3600, from_s=0, until_s=3600, finger_off=True)
    return Patient(
        spo2_pct=spo2_pct,
        pulse_bpm=pulse_bpm,
        swing_s=60,
        phase=0,
        pai_pct=3.0,
        story=None if finger_on else off,
        swing_pct=0.0,
    )


def provisioned(folder: Path, patients: int) -> Site:
    """A site on free ports."""
    ports = Ports(devices=free_port(), hub=free_port(), web=free_port())
    return provision(folder, patients, ports, datetime.now(UTC))


def count(demonstration: Demonstration) -> Totals:
    """Compare what the boxes have acknowledged so far with what the hub holds."""
    engine = open_database(demonstration.site.database_url)
    try:
        return totals([r for box in demonstration.boxes for r in box.acknowledged], engine)
    finally:
        engine.dispose()


async def until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait until `condition` holds; AssertionError with `what` when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline_s, f"{what}: not within {within_s:g} s"
        await asyncio.sleep(_LOOK_INTERVAL_S)


class InBackground(OwnLoop):
    """A demonstration, for tests that are not asyncio themselves."""

    def __init__(self, demonstration: Demonstration) -> None:
        super().__init__("demonstration")
        self.demonstration = demonstration

    async def _start(self) -> None:
        await self.demonstration.start()

    async def _stop(self) -> None:
        await self.demonstration.stop()
