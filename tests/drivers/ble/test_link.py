"""Unmodified bleak against a simulated bluetoothd on a private bus: heard, connected, read, lost."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from koffert_drivers.ble.errors import BleError, BleReason
from koffert_drivers.ble.link import BleLink, open_ble, read_serial_number
from koffert_drivers.ble.scan import Advertisement, scanning
from koffert_drivers.device import Transport
from koffert_drivers.measurement import Measurement
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.table import DEVICES, device
from tests.support.bluez import Bluez, simulated_radio
from tests.support.bluez_meter import Meter

ADDRESS = "00:00:5E:00:53:10"
NAMES = {
    "nonin-ble": "Nonin3230_500001",
    "berrymed-bci": "BerryMed",
    "viatom-o2ring": "O2Ring 0001",
    "viatom-pc60fw": "PC-60F_1",
    "contec-sp10": "SP10W0001",
}
WITHIN_S = 5.0


Run = Callable[[Meter, Callable[[Bluez], Awaitable[None]]], None]


@pytest.fixture(name="run")
def fixture_run(tmp_path: Path) -> Run:
    def run(meter: Meter, scenario: Callable[[Bluez], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(40), simulated_radio(tmp_path, meter) as bluez:
                await scenario(bluez)

        asyncio.run(main())

    return run


def meter_of(driver: str, **habits: object) -> Meter:
    return Meter(driver, ADDRESS, NAMES.get(driver, "Meter"), **habits)  # type: ignore[arg-type]


async def heard() -> Advertisement:
    """The first device that is heard."""
    first: asyncio.Future[Advertisement] = asyncio.get_running_loop().create_future()
    async with (
        asyncio.timeout(WITHIN_S),
        scanning(lambda it: None if first.done() else first.set_result(it)),
    ):
        return await first


async def measured(link: BleLink) -> Measurement:
    """The first measurement with a number in it."""
    parsers = {stream.name: stream.make_parser() for stream in link.streams}
    async with asyncio.timeout(WITHIN_S):
        while True:
            chunk = await link.read()
            for event in parsers[chunk.stream.name].feed(chunk.data):
                if isinstance(event, Measurement) and event.quality > 0:
                    return event


@pytest.mark.parametrize(
    "driver",
    [
        record.id
        for record in DEVICES
        if record.transport is Transport.BLE and not record.streams[0].spot
    ],
)
def test_each_meter_is_recognised_connected_and_read(run: Run, driver: str) -> None:
    async def scenario(_: Bluez) -> None:
        found = await heard()
        assert found.record is device(driver)
        async with open_ble(found.record, found.handle) as link:
            talk = link.streams[0].conversation
            for command in talk.on_connect if talk else ():
                await link.write(command)
            assert await read_serial_number(link) == "005310"
            assert (await measured(link)).pulse_bpm == Physiology().pulse_bpm

    run(meter_of(driver), scenario)


def test_a_meter_that_goes_away_ends_the_reading(run: Run) -> None:
    meter = meter_of("plx")

    async def scenario(bluez: Bluez) -> None:
        found = await heard()
        async with open_ble(device("plx"), found.handle) as link:
            await measured(link)
            await bluez.drop(meter)
            with pytest.raises(BleError) as lost:
                await _read_for_ever(link)
            assert lost.value.reason is BleReason.LOST

    run(meter, scenario)


async def _read_for_ever(link: BleLink) -> None:
    while True:
        await link.read()


@pytest.mark.parametrize(
    ("habits", "reason"),
    [
        ({"refuses": "le-connection-refused"}, BleReason.REFUSED),
        ({"needs_bond": True}, BleReason.BOND),
    ],
)
def test_a_connection_that_fails_says_what_to_do(
    run: Run, habits: dict[str, object], reason: BleReason
) -> None:
    async def scenario(_: Bluez) -> None:
        found = await heard()
        with pytest.raises(BleError) as failed:
            async with open_ble(device("plx"), found.handle):
                pass
        assert failed.value.reason is reason

    run(meter_of("plx", **habits), scenario)


def test_a_record_that_needs_a_bond_makes_one(run: Run) -> None:
    meter = meter_of("nonin-ble", needs_bond=True)

    async def scenario(bluez: Bluez) -> None:
        found = await heard()
        async with open_ble(device("nonin-ble"), found.handle) as link:
            await measured(link)
        assert bluez.bonds == {ADDRESS}

    run(meter, scenario)


def test_a_battery_level_that_can_only_be_read_is_no_fault(run: Run) -> None:
    """As BlueZ has it: a subscription to such a characteristic is an error."""
    meter = meter_of("nonin-ble")
    meter.characteristics["2a19"].flags = ["read"]

    async def scenario(_: Bluez) -> None:
        found = await heard()
        assert found.record is not None
        async with open_ble(found.record, found.handle) as link:
            assert (await measured(link)).spo2_pct is not None
            assert await link.read_value("2a19") == b"\x50"

    run(meter, scenario)


def test_another_kind_of_device_is_told_apart(run: Run) -> None:
    async def scenario(_: Bluez) -> None:
        found = await heard()
        with pytest.raises(BleError) as failed:
            async with open_ble(device("nonin-ble"), found.handle):
                pass
        assert failed.value.reason is BleReason.OTHER_DEVICE

    run(meter_of("plx"), scenario)
