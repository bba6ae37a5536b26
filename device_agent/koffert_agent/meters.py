"""All meters of the box: those on a port from its settings, those on Bluetooth from settings and its own book."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from koffert_agent.ble.book import MeterBook, PairedMeter, UnreadableBook
from koffert_agent.clock import Clock
from koffert_agent.intake import Intake, SensorStatus
from koffert_agent.pipeline import Sink
from koffert_agent.sensor import Sensor
from koffert_agent.settings import SensorSettings
from koffert_agent.supervisor import Part, Pulse, Supervisor
from koffert_drivers.table import DEVICES, device

if TYPE_CHECKING:
    from koffert_agent.ble.meter import Meter
    from koffert_agent.ble.radio import Radio

_LOG = logging.getLogger(__name__)

# A meter that `koffert agent pair` has just entered is read after this long at most.
_LOOK_INTERVAL_S = 1.0
_BLUETOOTH_DRIVERS = frozenset(record.id for record in DEVICES if record.ble is not None)


class Meters:
    """Makes, starts and stops the meters' tasks; follows the book while it runs."""

    def __init__(
        self,
        wanted: Iterable[SensorSettings],
        data_dir: Path,
        loan: str | None,
        *,
        clock: Clock,
        sink: Sink,
        new_id: Callable[[], bytes],
        random: Callable[[], float],
        adapter: str | None = None,
    ) -> None:
        self._clock = clock
        self._adapter = adapter
        self._sink = sink
        self._new_id = new_id
        self._random = random
        self._book = MeterBook(data_dir)
        self._data_dir = data_dir
        self._loan = loan
        self._radio: Radio | None = None
        self._sensors = [self._sensor(each.driver, each.port) for each in wanted if each.port]
        self._set = tuple(
            PairedMeter(each.address.upper(), each.driver) for each in wanted if each.address
        )
        self._meters: dict[PairedMeter, Meter] = {}

    @property
    def statuses(self) -> list[SensorStatus]:
        """All meters as they are now."""
        return [meter.status for meter in self._all()]

    def start(self, supervisor: Supervisor) -> None:
        """Run all meters from now on."""
        for sensor in self._sensors:
            supervisor.start(Part(sensor.name, sensor.run))
        supervisor.start(Part("meters", lambda pulse: self._follow(supervisor, pulse)))

    async def stop(self, supervisor: Supervisor) -> None:
        """Let go of all meters, each in the way that it wants."""
        await supervisor.stop("meters")
        await asyncio.gather(*(supervisor.stop(meter.name) for meter in self._all()))
        if self._radio is not None:
            await supervisor.stop(self._radio.name)

    def _all(self) -> list[Sensor | Meter]:
        return [*self._sensors, *self._meters.values()]

    async def _follow(self, supervisor: Supervisor, pulse: Pulse) -> None:
        """Run the meters that are in the book, as long as they are."""
        seen_ns = -1
        while True:
            pulse.beat()
            changed_ns = self._book.changed_ns()
            if changed_ns != seen_ns:
                await self._take_over(supervisor)
                seen_ns = changed_ns
            await asyncio.sleep(_LOOK_INTERVAL_S)

    async def _take_over(self, supervisor: Supervisor) -> None:
        wanted = self._wanted()
        for paired in [known for known in self._meters if known not in wanted]:
            await supervisor.stop(self._meters.pop(paired).name)
        for paired in wanted:
            if paired not in self._meters:
                meter = self._meters[paired] = self._meter(paired, supervisor)
                supervisor.start(Part(meter.name, meter.run))

    def _wanted(self) -> tuple[PairedMeter, ...]:
        """The meters of settings and book, each address once; the book knows more of a meter."""
        try:
            booked = self._book.meters()
        except UnreadableBook as error:
            _LOG.error("no paired meter is read: %s", error)
            booked = ()
        known = {meter.address for meter in booked}
        added = (meter for meter in self._set if meter.address not in known)
        usable = (meter for meter in booked if meter.driver in _BLUETOOTH_DRIVERS)
        return (*usable, *added)

    def _sensor(self, driver: str, port: str) -> Sensor:
        return Sensor(device(driver), port, self._intake(driver, port), random=self._random)

    def _meter(self, paired: PairedMeter, supervisor: Supervisor) -> Meter:
        """A meter on the radio, which the first one starts: a box without such meters needs no bleak."""
        from koffert_agent.ble.memory import MemoryBook  # noqa: PLC0415
        from koffert_agent.ble.meter import Meter  # noqa: PLC0415
        from koffert_agent.ble.radio import Radio  # noqa: PLC0415

        if self._radio is None:
            self._radio = Radio(self._random, self._adapter)
            supervisor.start(Part(self._radio.name, self._radio.run))
        intake = self._intake(paired.driver, paired.address, paired.distinct)
        memory = MemoryBook(self._data_dir, self._loan)
        return Meter(paired, self._radio, intake, memory, random=self._random)

    def _intake(self, driver: str, port: str, serial: str | None = None) -> Intake:
        return Intake(
            device(driver),
            port,
            serial=serial,
            clock=self._clock,
            sink=self._sink,
            new_id=self._new_id,
        )
