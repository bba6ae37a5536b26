"""The whole system, as `koffert demo` starts it, under a test's control."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from koffert_cli.demonstration.patients import Patient, Story
from koffert_cli.demonstration.provision import Ports, Site, provision
from koffert_cli.demonstration.site import Demonstration
from koffert_cli.demonstration.totals import Totals, totals
from koffert_hub.database import open_database
from tests.support.mosquitto import free_port

T = TypeVar("T")

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


class InBackground:
    """A demonstration on a loop of its own thread, for tests that are not asyncio themselves."""

    def __init__(self, demonstration: Demonstration) -> None:
        self.demonstration = demonstration
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demonstration")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.demonstration.start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.run(self.demonstration.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the demonstration's loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=120)
