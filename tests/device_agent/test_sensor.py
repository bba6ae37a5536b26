"""A simulated oximeter on a real terminal: connected, kept talking, unplugged, plugged in again, garbage."""

import asyncio
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from koffert_agent.clock import Clock, SystemClock
from koffert_agent.intake import Intake
from koffert_agent.sensor import Sensor
from koffert_agent.supervisor import Part, Supervisor
from koffert_drivers.simulated.others import lung_monitor_frame
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.speaker import Moment
from koffert_drivers.table import device
from koffert_wire.messages import Message, Mode, Quarantined, Reading, SensorLink, SensorState
from tests.device_agent.support import eventually


class Bench:
    """A sensor task whose messages are kept."""

    def __init__(self, driver: str, port: Path | str, clock: Clock | None = None) -> None:
        self.messages: list[Message] = []
        self.disk_is_well = True
        ids = itertools.count()
        intake = Intake(
            device(driver),
            str(port),
            clock=clock or SystemClock(),
            sink=self,
            new_id=lambda: next(ids).to_bytes(16),
        )
        self.sensor = Sensor(device(driver), str(port), intake, random=lambda: 0.01)

    def submit(self, messages: Iterable[Message], /) -> None:
        self.messages += messages

    async def keep(self, messages: Iterable[Message], /) -> bool:
        if self.disk_is_well:
            self.submit(messages)
        return self.disk_is_well

    @property
    def links(self) -> list[SensorLink]:
        return [message.link for message in self.messages if isinstance(message, SensorState)]

    @property
    def values(self) -> list[float | None]:
        return [reading.values["spo2_pct"] for reading in self.readings]

    @property
    def quarantined(self) -> list[Quarantined]:
        return [message for message in self.messages if isinstance(message, Quarantined)]

    @property
    def readings(self) -> list[Reading]:
        return [message for message in self.messages if isinstance(message, Reading)]


@pytest.mark.parametrize("driver", ["contec-v7", "nonin-serial"])
def test_an_oximeter_is_read_and_its_loss_reported(driver: str) -> None:
    async def scenario() -> None:
        async with SimulatedOximeter(driver) as oximeter, Supervisor(lambda: 0.5) as supervisor:
            bench = Bench(driver, oximeter.path)
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await eventually(lambda: 97 in bench.values)
            assert bench.links == [SensorLink.CONNECTED]
            await oximeter.unplug()
            await eventually(lambda: bench.links[-1] is SensorLink.LOST)
            assert bench.sensor.status.link is SensorLink.LOST

    asyncio.run(scenario())


def test_a_meter_that_comes_back_is_read_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = tmp_path / "port"
        bench = Bench("contec-v7", port)
        async with Supervisor(lambda: 0.5) as supervisor:
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            for _ in range(2):
                async with SimulatedOximeter("contec-v7") as oximeter:
                    port.symlink_to(oximeter.path)
                    seen = len(bench.values)
                    await eventually(lambda: len(bench.values) > seen)  # noqa: B023 - awaited here
                    port.unlink()
                await eventually(lambda: bench.links[-1] is SensorLink.LOST)
        lost_and_found = [SensorLink.CONNECTED, SensorLink.LOST]
        assert bench.links == lost_and_found * 2

    asyncio.run(scenario())


def test_a_meter_that_falls_silent_is_lost_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koffert_agent.sensor.SILENT_S", 0.3)

    async def scenario() -> None:
        async with (
            SimulatedOximeter("contec-v7") as oximeter,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            bench = Bench("contec-v7", oximeter.path)
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await eventually(lambda: bool(bench.values))
            await oximeter.replay(bytes(12_000))
            assert SensorLink.LOST in bench.links
            await eventually(lambda: bench.links[-1] is SensorLink.CONNECTED)
            assert bench.sensor.status.frame_errors > 0

    asyncio.run(scenario())


def test_a_port_that_is_not_there_is_no_failure_of_the_task(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench("contec-v7", tmp_path / "none")
        async with Supervisor(lambda: 0.5) as supervisor:
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await asyncio.sleep(0)
            assert bench.sensor.status.link is SensorLink.SEARCHING
            await supervisor.stop(bench.sensor.name)
            assert not bench.messages
            assert supervisor.states[0].restarts == 0

    asyncio.run(scenario())


def test_a_blow_is_acknowledged_once_it_is_safe_and_filed_once() -> None:
    async def scenario() -> None:
        async with (
            SimulatedOximeter("vitalograph-lung-monitor") as meter,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            bench = Bench("vitalograph-lung-monitor", meter.path)
            bench.disk_is_well = False
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await eventually(lambda: bench.sensor.status.measurements >= 2)
            assert not bench.readings  # the meter keeps on repeating it
            bench.disk_is_well = True
            await eventually(lambda: bool(bench.readings))
            (blow,) = bench.readings
            assert blow.values["fev1_l"] == pytest.approx(1.45)
            assert blow.values["fev6_l"] == pytest.approx(2.90)
            assert blow.mode is Mode.SPOT

    asyncio.run(scenario())


def test_a_blow_of_the_week_before_is_acknowledged_and_not_filed() -> None:
    class TrustedClock(SystemClock):
        def wall_trusted(self) -> bool:
            return True

    async def scenario() -> None:
        async with (
            SimulatedOximeter("vitalograph-lung-monitor") as meter,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            bench = Bench("vitalograph-lung-monitor", meter.path, TrustedClock())
            old = lung_monitor_frame(datetime.now(UTC) - timedelta(days=7), Moment(0, 0))
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await eventually(lambda: bool(bench.readings))  # of today
            await meter.replay(old)
            await eventually(lambda: bool(bench.quarantined))
            assert bench.quarantined[0].reason == "clock-unknown"
            assert bench.quarantined[0].values["fev1_l"] == pytest.approx(1.45)
            assert bench.quarantined[0].id not in {each.id for each in bench.readings}

    asyncio.run(scenario())


def test_what_a_serial_meter_calls_stored_is_never_a_reading() -> None:
    async def scenario() -> None:
        async with (
            SimulatedOximeter("contec-v7") as oximeter,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            bench = Bench("contec-v7", oximeter.path)
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await eventually(lambda: bool(bench.values))
            await oximeter.replay(bytes.fromhex("0f80dbbcdabbdaba"))  # 91/60, 90/59, 90/58
            await eventually(lambda: len(bench.quarantined) == 3)
            assert {each.reason for each in bench.quarantined} == {"no-time"}
            assert 91 not in bench.values

    asyncio.run(scenario())


def test_a_meter_of_single_measurements_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koffert_agent.sensor.SILENT_S", 0.05)

    async def scenario() -> None:
        async with (
            SimulatedOximeter("vitalograph-lung-monitor") as meter,
            Supervisor(lambda: 0.5) as supervisor,
        ):
            bench = Bench("vitalograph-lung-monitor", meter.path)
            supervisor.start(Part(bench.sensor.name, bench.sensor.run))
            await eventually(lambda: bool(bench.readings))
            with pytest.raises(AssertionError):
                await eventually(lambda: SensorLink.LOST in bench.links, within_s=0.3)

    asyncio.run(scenario())
