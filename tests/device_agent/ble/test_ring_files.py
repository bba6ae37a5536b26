"""The nights that a ring stored: fetched while nobody wears it, dated by its clock, taken once, quarantined in doubt."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from koffert_agent.ble.book import MeterBook, PairedMeter
from koffert_agent.ble.handling import Clearance, clear
from koffert_agent.ble.memory import MemoryBook
from koffert_agent.clock import NS_PER_S
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.viatom import o2ring_file
from tests.device_agent.ble.test_meter import ADDRESS, OTHER, Home, play
from tests.device_agent.support import eventually
from tests.support.bluez import Bluez
from tests.support.bluez_meter import Meter

WORN, OFF = Physiology(), Physiology(finger_on=False)
OPEN = bytes.fromhex("aa03fc")


def utc(**ago: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(**ago)


def ring(**habits: object) -> Meter:
    return Meter("viatom-o2ring", ADDRESS, "O2Ring 0001", **habits)  # type: ignore[arg-type]


def store(meter: Meter, started: datetime, *spo2_pct: int) -> None:
    meter.files[f"{started:%Y%m%d%H%M%S}"] = o2ring_file(started, spo2_pct)


def a_night_passes(meter: Meter) -> None:
    """Nine hours on the ring's clock."""
    meter.ring.show(utc(hours=-9))


def proved(folder: Path) -> bool:
    return MemoryBook(folder, "loan-1").proved_after(ADDRESS) is not None


def opened(meter: Meter) -> int:
    return sum(data.startswith(OPEN) for _, data in meter.written)


def test_a_night_is_filed_once_and_what_was_there_before_is_not(tmp_path: Path) -> None:
    meter = ring(physiology=OFF)
    meter.ring.shown = utc(hours=-1)  # an hour ahead
    store(meter, utc(hours=20), 85, 84)

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: bool(home.quarantined))
        (doubtful,) = home.quarantined
        assert (doubtful.reason, set(doubtful.values.values())) == ("before-proof", {None})
        assert opened(meter) == 0  # another's night is not even read
        await eventually(lambda: abs(meter.ring.shown - utc()) < timedelta(seconds=30))
        await bluez.drop(meter)
        # A night later, the box was away meanwhile.
        a_night_passes(meter)
        store(meter, utc(hours=-5), *[91, 255, 88] * 200)
        await eventually(lambda: len(home.stored_spo2_pct) == 401)
        filed = [each for each in home.readings if "from-storage" in each.flags]
        assert [each.values["spo2_pct"] for each in filed] == [91, 88] * 200
        assert len(home.quarantined) == 1
        ages_h = [(utc() - moment(each.at.wall_ns)) / timedelta(hours=1) for each in filed]
        assert ages_h[0] == pytest.approx(4, abs=0.05)
        assert ages_h[0] - ages_h[-1] == pytest.approx((599 * 4) / 3600, abs=0.01)
        await bluez.drop(meter)
        a_night_passes(meter)
        store(meter, utc(hours=-6), 93)
        await eventually(lambda: 93 in home.stored_spo2_pct)
        assert len(home.stored_spo2_pct) == 402
        assert opened(meter) == 2

    play(tmp_path, scenario, meter)


def moment(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns / NS_PER_S, UTC).replace(tzinfo=None)


def test_a_ring_that_is_worn_is_read_and_not_asked_for_files(tmp_path: Path) -> None:
    meter = ring(physiology=WORN)
    store(meter, utc(hours=20), 85)

    async def scenario(home: Home, _: Bluez) -> None:
        await eventually(lambda: len(home.values()) > 2)
        assert not home.quarantined

    play(tmp_path, scenario, meter)


def test_a_ring_that_tells_nothing_of_itself_is_read_live(tmp_path: Path) -> None:
    meter = ring(physiology=WORN)
    meter.ring.mute = True

    async def scenario(home: Home, _: Bluez) -> None:
        await eventually(lambda: len(home.values()) > 1)
        meter.physiology = OFF
        await eventually(lambda: home.status().measurements > 4)
        assert not home.quarantined

    play(tmp_path, scenario, meter)


def test_a_night_stays_new_until_it_is_safe(tmp_path: Path) -> None:
    meter = ring(physiology=OFF)

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: proved(tmp_path))
        await bluez.drop(meter)
        a_night_passes(meter)
        store(meter, utc(hours=-5), 91, 88)
        home.disk_is_well = False
        await eventually(lambda: opened(meter) == 1)
        await eventually(lambda: home.status().measurements > 2)
        assert not home.stored_spo2_pct
        home.disk_is_well = True
        await bluez.drop(meter)
        await eventually(lambda: home.stored_spo2_pct == [91, 88])

    play(tmp_path, scenario, meter)


def test_a_ring_is_not_said_to_be_cleared(tmp_path: Path) -> None:
    book = MeterBook(tmp_path)
    book.add(PairedMeter(ADDRESS, "viatom-o2ring"))
    book.add(PairedMeter(OTHER, "berrymed-bci"))
    results = asyncio.run(clear(book, 0.0, lambda _: None))
    assert [each.clearance for each in results] == [Clearance.KEPT, Clearance.NO_MEMORY]
    assert "nothing public erases" in results[0].detail


def test_a_damaged_file_is_left_and_the_others_are_taken(tmp_path: Path) -> None:
    meter = ring(physiology=OFF)

    async def scenario(home: Home, bluez: Bluez) -> None:
        await eventually(lambda: proved(tmp_path))
        await bluez.drop(meter)
        a_night_passes(meter)
        meter.files[f"{utc(hours=-4):%Y%m%d%H%M%S}"] = b"\x03\x00" + bytes(60)
        store(meter, utc(hours=-5), 91)
        await eventually(lambda: home.stored_spo2_pct == [91])

    play(tmp_path, scenario, meter)
