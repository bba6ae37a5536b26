"""Records from a meter's memory: dated, kept before they are erased, quarantined when in doubt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_agent.ble.memory import DeviceClock, Doubt, MemoryBook, date_stored, is_live
from koffert_agent.clock import NS_PER_S
from koffert_drivers.measurement import Flag, Measurement
from koffert_drivers.parsers.device_information import decode_current_time, encode_current_time
from koffert_wire.messages import Instant
from tests.device_agent.ble.test_meter import ADDRESS, Home, play
from tests.device_agent.support import eventually
from tests.support.bluez import Bluez
from tests.support.bluez_meter import Meter, spot_check

NOW = datetime(2026, 11, 21, 8, 30)  # noqa: DTZ001 - a meter's clock has no zone
AT = Instant(1000 * NS_PER_S, round(NOW.replace(tzinfo=UTC).timestamp()) * NS_PER_S, True)  # noqa: FBT003
CLOCK = DeviceClock(NOW, AT.boottime_ns)
minutes = st.integers(-(10**5), 10**5).map(lambda it: timedelta(minutes=it))


def record(age: timedelta, *flags: Flag) -> Measurement:
    return Measurement(spo2_pct=91, pulse_bpm=70, measured_at=NOW - age, quality=1.0, flags=flags)


def test_a_record_after_the_proof_is_dated_by_the_meters_own_clock() -> None:
    wrong = DeviceClock(NOW + timedelta(days=3), AT.boottime_ns)
    age = timedelta(hours=6)
    taken = Measurement(spo2_pct=91, measured_at=wrong.shown - age, quality=1.0)
    when = date_stored(taken, AT, wrong, wrong.shown - timedelta(hours=7))
    assert isinstance(when, Instant)
    assert when.wall_ns == AT.wall_ns - 6 * 3600 * NS_PER_S
    assert when.boottime_ns == AT.boottime_ns - 6 * 3600 * NS_PER_S


@pytest.mark.parametrize(
    ("taken", "clock", "proved_after", "doubt"),
    [
        (Measurement(spo2_pct=91, quality=1.0), CLOCK, NOW, Doubt.NO_TIME),
        (record(timedelta(0)), None, NOW - timedelta(days=1), Doubt.CLOCK_UNKNOWN),
        (record(timedelta(hours=-1)), CLOCK, NOW - timedelta(days=1), Doubt.IN_THE_FUTURE),
        (record(timedelta(hours=1)), CLOCK, None, Doubt.BEFORE_PROOF),
        (record(timedelta(hours=1)), CLOCK, NOW - timedelta(hours=1), Doubt.BEFORE_PROOF),
    ],
)
def test_any_doubt_has_a_name(
    taken: Measurement, clock: DeviceClock | None, proved_after: datetime | None, doubt: Doubt
) -> None:
    assert date_stored(taken, AT, clock, proved_after) is doubt


@given(age=minutes, proof=minutes)
def test_nothing_before_the_proof_is_ever_dated(age: timedelta, proof: timedelta) -> None:
    when = date_stored(record(age), AT, CLOCK, NOW - proof)
    assert isinstance(when, Doubt) or timedelta(minutes=-2) <= age < proof


def test_live_or_remembered() -> None:
    assert is_live(record(timedelta(seconds=30)), AT, [CLOCK])
    assert is_live(Measurement(spo2_pct=91, quality=1.0), AT, [CLOCK])
    assert not is_live(record(timedelta(minutes=5)), AT, [CLOCK])
    assert not is_live(record(timedelta(0), Flag.FROM_STORAGE), AT, [CLOCK])
    ahead = DeviceClock(NOW + timedelta(days=3), AT.boottime_ns)
    assert is_live(
        record(timedelta(days=-3)), AT, [ahead, CLOCK]
    )  # taken just before the clock was set
    # Without a clock to compare with, only what is far off is told apart: zones.
    assert is_live(record(timedelta(hours=-2)), AT, [])
    assert not is_live(record(timedelta(days=1)), AT, [])


def test_a_proof_holds_for_its_loan_and_after_a_restart(tmp_path: Path) -> None:
    MemoryBook(tmp_path, "loan-1").prove(ADDRESS, NOW, anew=True)
    MemoryBook(tmp_path, "loan-1").prove(ADDRESS, NOW + timedelta(1), anew=False)
    assert MemoryBook(tmp_path, "loan-1").proved_after(ADDRESS) == NOW
    assert MemoryBook(tmp_path, "loan-2").proved_after(ADDRESS) is None
    (tmp_path / "meter_memory.json").write_bytes(b"\xff")
    assert MemoryBook(tmp_path, "loan-1").proved_after(ADDRESS) is None


def utc(**ago: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(**ago)


def test_the_first_visit_of_a_loan_quarantines_and_the_night_after_is_filed(tmp_path: Path) -> None:
    before = spot_check(utc(hours=3), 85)
    ahead = encode_current_time(utc(hours=-30))
    meter = Meter("plx", ADDRESS, "Oximeter", stored=[before], clock=ahead)

    async def scenario(home: Home, bluez: Bluez) -> None:
        # The last that a visit does; the first value may come before.
        await eventually(lambda: MemoryBook(tmp_path, "loan-1").proved_after(ADDRESS) is not None)
        (doubtful,) = home.quarantined
        assert (doubtful.values["spo2_pct"], doubtful.reason) == (85, "before-proof")
        assert not meter.stored
        shown = decode_current_time(meter.characteristics["2a2b"].value)
        assert shown is not None
        assert abs(shown - utc()) < timedelta(minutes=1)
        await bluez.drop(meter)
        # A night later: the meter has measured while the box was away.
        meter.characteristics["2a2b"].value = encode_current_time(utc(hours=-9))
        meter.stored += [spot_check(utc(hours=-5), 89), spot_check(utc(hours=-2), 88)]
        await eventually(lambda: meter.deletions == 2)
        stored = [each for each in home.readings if "from-storage" in each.flags]
        assert [each.values["spo2_pct"] for each in stored] == [89, 88]
        apart_h = (stored[1].at.wall_ns - stored[0].at.wall_ns) / NS_PER_S / 3600
        assert apart_h == pytest.approx(-3, abs=0.01) or apart_h == pytest.approx(3, abs=0.01)
        assert len(home.quarantined) == 1

    play(tmp_path, scenario, meter)


def test_records_stay_in_the_meter_until_they_are_safe(tmp_path: Path) -> None:
    stored = [spot_check(utc(hours=2), 90)]
    meter = Meter("plx", ADDRESS, "Oximeter", stored=stored, clock=encode_current_time(utc()))

    async def scenario(home: Home, bluez: Bluez) -> None:
        home.disk_is_well = False
        await eventually(lambda: bool(home.values()))
        assert meter.stored
        assert not meter.deletions
        home.disk_is_well = True
        await bluez.drop(meter)
        await eventually(lambda: meter.deletions == 1)
        assert len(home.quarantined) == 1

    play(tmp_path, scenario, meter)


def test_a_meter_that_never_stored_anything_is_left_alone(tmp_path: Path) -> None:
    meter = Meter("plx", ADDRESS, "Oximeter")

    async def scenario(home: Home, _: Bluez) -> None:
        await eventually(lambda: bool(home.values()))
        assert ("2a52", b"\x02\x01") not in meter.written

    play(tmp_path, scenario, meter)
