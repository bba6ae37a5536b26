"""Paired meters on the simulated radio: read by themselves, lost and found, two alike, a radio that goes away."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from koffert_agent.ble.book import MeterBook, PairedMeter
from koffert_agent.clock import SystemClock
from koffert_agent.intake import SensorStatus
from koffert_agent.meters import Meters
from koffert_agent.supervisor import Supervisor
from koffert_drivers.parsers.device_information import encode_current_time
from koffert_wire.messages import (
    Message,
    Quarantined,
    Reading,
    SensorLink,
    SensorState,
    WaveformBlock,
)
from tests.device_agent.support import eventually
from tests.support.bluez import Bluez, simulated_radio
from tests.support.bluez_meter import Meter as SimulatedMeter
from tests.support.bluez_meter import spot_check

ADDRESS, OTHER = "00:00:5E:00:53:10", "00:00:5E:00:53:11"
Scenario = Callable[["Home", Bluez], Coroutine[Any, Any, None]]


class TrustedClock(SystemClock):
    """As on a box that a time service has told the time."""

    def wall_trusted(self) -> bool:
        return True


class Home:
    """A box's meters, and what they have brought."""

    def __init__(
        self, folder: Path, loan: str | None = "loan-1", preferred: str | None = None
    ) -> None:
        self.messages: list[Message] = []
        self.book = MeterBook(folder)
        self.disk_is_well = True
        ids = itertools.count()
        self.supervisor = Supervisor(lambda: 0.5)
        self.meters = Meters(
            (),
            folder,
            loan,
            clock=TrustedClock(),
            sink=self,
            new_id=lambda: next(ids).to_bytes(16),
            random=lambda: 0.5,
            adapter=preferred,
        )

    def submit(self, messages: Iterable[Message], /) -> None:
        self.messages += messages

    async def keep(self, messages: Iterable[Message], /) -> bool:
        if self.disk_is_well:
            self.submit(messages)
        return self.disk_is_well

    @property
    def readings(self) -> list[Reading]:
        return [each for each in self.messages if isinstance(each, Reading)]

    @property
    def quarantined(self) -> list[Quarantined]:
        return [each for each in self.messages if isinstance(each, Quarantined)]

    @property
    def stored_spo2_pct(self) -> list[float | None]:
        """Of records from a meter's memory, filed or in doubt."""
        filed = [each.values for each in self.readings if "from-storage" in each.flags]
        return [values["spo2_pct"] for values in filed + [it.values for it in self.quarantined]]

    @property
    def links(self) -> list[SensorLink]:
        return [each.link for each in self.messages if isinstance(each, SensorState)]

    def values(self, serial: str = ADDRESS) -> list[float | None]:
        return [
            reading.values.get("spo2_pct")
            for reading in self.readings
            if reading.sensor_serial == serial and reading.quality > 0
        ]

    @property
    def trouble(self) -> str:
        return " ".join(each.trouble or "" for each in self.meters.statuses)

    def status(self, address: str = ADDRESS) -> SensorStatus:
        return next(each for each in self.meters.statuses if each.port == address)


@asynccontextmanager
async def at_home(
    folder: Path, loan: str | None = "loan-1", preferred: str | None = None
) -> AsyncIterator[Home]:
    home = Home(folder, loan, preferred)
    async with home.supervisor:
        home.meters.start(home.supervisor)
        yield home
        await home.meters.stop(home.supervisor)


def play(
    folder: Path,
    scenario: Scenario,
    *meters: SimulatedMeter,
    preferred: str | None = None,
    **radio: Any,
) -> None:
    """Run `scenario` with those meters paired and in reach."""

    async def main() -> None:
        for meter in meters:
            MeterBook(folder).add(PairedMeter(meter.address, meter.driver, meter.name))
        async with (
            asyncio.timeout(200),
            simulated_radio(folder, *meters, **radio) as bluez,
            at_home(folder, preferred=preferred) as home,
        ):
            await scenario(home, bluez)

    asyncio.run(main())


def oximeter(address: str = ADDRESS, **habits: Any) -> SimulatedMeter:
    return SimulatedMeter("nonin-ble", address, "Nonin3230_500001", needs_bond=True, **habits)


def test_a_paired_oximeter_is_read_when_it_begins_to_advertise(tmp_path: Path) -> None:
    meter = oximeter(advertising=False)

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: bluez.discoveries > 1)
        assert home.status().link is SensorLink.SEARCHING
        meter.advertising = True
        await eventually(lambda: bool(home.values()))
        assert home.values()[0] == meter.physiology.spo2_pct
        assert home.status().link is SensorLink.CONNECTED
        await eventually(lambda: home.status().battery_pct == 80)
        await eventually(lambda: any(isinstance(each, WaveformBlock) for each in home.messages))
        assert bluez.bonds == {ADDRESS}

    play(tmp_path, scenario, meter)


def test_nobody_listens_while_every_meter_is_connected(tmp_path: Path) -> None:
    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: len(home.values()) >= 2)
        before = bluez.discoveries
        await eventually(lambda: len(home.values()) >= 4)
        assert bluez.discoveries == before

    play(tmp_path, scenario, oximeter())


def test_two_of_one_model_are_told_apart_and_connected_one_at_a_time(tmp_path: Path) -> None:
    first, second = oximeter(), oximeter(OTHER)
    second.physiology = type(second.physiology)(spo2_pct=88)

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: bool(home.values()) and bool(home.values(OTHER)))
        assert set(home.values()) == {97}
        assert set(home.values(OTHER)) == {88}
        assert bluez.most_connects_at_once == 1

    play(tmp_path, scenario, first, second, air_delay_s=0.2)


def test_a_meter_that_a_phone_holds_is_said_in_words_and_read_once_it_is_free(
    tmp_path: Path,
) -> None:
    meter = oximeter(refuses="le-connection-refused")

    async def scenario(home: Home, _: Bluez) -> None:
        await eventually(lambda: "a phone or another box may hold it" in home.trouble)
        meter.refuses = ""
        await eventually(lambda: bool(home.values()))
        assert not home.trouble

    play(tmp_path, scenario, meter)


@pytest.mark.parametrize("accident", ["restart", "kill", "unplug", "power"])
def test_a_radio_that_goes_away_and_comes_back(tmp_path: Path, accident: str) -> None:
    async def go_away(bluez: Bluez) -> None:
        match accident:
            case "unplug":
                await bluez.unplug_adapter()
            case "power":
                await bluez.power_off()
            case _:
                await bluez.kill()

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: bool(home.values()))
        await go_away(bluez)
        await eventually(lambda: home.links[-1] is SensorLink.LOST)
        if accident != "restart":
            await eventually(lambda: "Bluetooth is off" in home.trouble)
        seen = len(home.values())
        if accident == "unplug":
            bluez.plug_adapter()
        elif accident == "power":
            bluez.power_on()
        else:
            await bluez.start()
        await eventually(lambda: len(home.values()) > seen)
        assert all(part.restarts == 0 for part in home.supervisor.states)

    play(tmp_path, scenario, oximeter())


@pytest.mark.parametrize("preferred", [None, "hci0"])
def test_an_adapter_is_pulled_out_while_another_is_there(
    tmp_path: Path, preferred: str | None
) -> None:
    meter = oximeter()

    async def scenario(home: Home, bluez: Bluez) -> None:
        bluez.plug_spare("hci1")
        await eventually(lambda: bool(home.values()))
        await bluez.unplug_adapter()
        await eventually(lambda: home.links[-1] is SensorLink.LOST)
        seen = len(home.values())
        await eventually(lambda: len(home.values()) > seen)
        assert "Bluetooth is off" not in home.trouble
        assert all(part.restarts == 0 for part in home.supervisor.states)

    play(tmp_path, scenario, meter, preferred=preferred)


def test_of_two_adapters_the_chosen_one_is_used(tmp_path: Path) -> None:
    meter = oximeter(advertising=False)

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: bluez.discoveries > 0)
        await bluez.unplug_adapter()
        bluez.plug_adapter("hci0")
        bluez.plug_adapter("hci1")  # the meters are in its reach alone
        meter.advertising = True
        await eventually(lambda: bool(home.values()))

    play(tmp_path, scenario, meter, preferred="hci1")


def test_a_meter_that_is_paired_or_struck_out_while_the_box_runs(tmp_path: Path) -> None:
    meter = oximeter()

    async def scenario(home: Home, bluez: Bluez) -> None:
        home.book.remove(ADDRESS)
        await eventually(lambda: not home.meters.statuses)
        assert not bluez.is_connected(meter)
        home.book.add(PairedMeter(ADDRESS, "nonin-ble", serial="500001"))
        await eventually(lambda: bool(home.values("500001")))

    play(tmp_path, scenario, meter)


def test_a_link_that_a_killed_agent_left_is_taken_over(tmp_path: Path) -> None:
    """A connected meter does not advertise."""

    async def main() -> None:
        meter = SimulatedMeter("plx", ADDRESS, "Oximeter")
        MeterBook(tmp_path).add(PairedMeter(ADDRESS, "plx"))
        async with asyncio.timeout(200), simulated_radio(tmp_path, meter) as bluez:
            await bluez.leave_linked(meter)
            async with at_home(tmp_path) as home:
                await eventually(lambda: bool(home.values()))
        assert meter.connections == 1

    asyncio.run(main())


def test_a_lost_bond_is_made_anew(tmp_path: Path) -> None:
    meter = oximeter()

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: bool(home.values()))
        bluez.lose_bonds()
        await bluez.drop(meter)
        seen = len(home.values())
        await eventually(lambda: len(home.values()) > seen)
        assert bluez.bonds == {ADDRESS}

    play(tmp_path, scenario, meter)


def _sockets() -> int:
    return sum(link.is_socket() for link in Path("/proc/self/fd").iterdir())


def _resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_lost_and_found_fifty_times_leaves_nothing_behind_and_loses_nothing(tmp_path: Path) -> None:
    """No task, socket or memory more after fifty losses than after ten; each stored record comes once."""
    start = datetime.now(UTC).replace(tzinfo=None)
    meter = SimulatedMeter("plx", ADDRESS, "Oximeter", clock=encode_current_time(start))

    async def scenario(home: Home, bluez: Bluez) -> None:
        async def lose_and_find(number: int) -> None:
            meter.stored.append(spot_check(start + timedelta(seconds=number), spo2_pct=50 + number))
            await bluez.drop(meter)
            await eventually(lambda: len(home.stored_spo2_pct) == number + 1)

        await eventually(lambda: bool(home.values()))
        for number in range(10):
            await lose_and_find(number)
        gc.collect()
        tasks, sockets = len(asyncio.all_tasks()), _sockets()
        pages = _resident_pages()
        for number in range(10, 50):
            await lose_and_find(number)
        gc.collect()
        # What ends a visit may still be under way; what stays is a leak.
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks and _sockets() <= sockets)
        assert _resident_pages() - pages < 2 * 256  # 2 MiB, for what the allocator keeps
        assert meter.connections == 51
        assert home.links.count(SensorLink.LOST) == 50
        assert set(home.stored_spo2_pct) == {50 + number for number in range(50)}
        assert len(home.stored_spo2_pct) == 50
        await eventually(lambda: not meter.stored)

    play(tmp_path, scenario, meter)
