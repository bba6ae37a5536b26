"""Numbers at 1 Hz, values that come and go at once, waveforms in blocks of a second, the quality gate."""

import itertools
from array import array
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_agent.channel import Channel
from koffert_agent.clock import NS_PER_S, now
from koffert_drivers.measurement import Flag, Measurement
from koffert_drivers.table import device
from koffert_wire.messages import Message, Mode, Reading, SensorLink, SensorState, WaveformBlock
from koffert_wire.samples import unpack_samples
from tests.device_agent.support import ManualClock

RATE_HZ = 60


class Meter:
    """A Contec that measures when it is told to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        ids = itertools.count()
        self.channel = Channel(device("contec-v7"), lambda: next(ids).to_bytes(16))
        self.messages: list[Message] = []

    def measure(
        self, spo2_pct: float | None = 96, *, seconds: float = 1.0, rate_hz: float = RATE_HZ
    ) -> None:
        """Measure the same for a while."""
        for _ in range(round(seconds * rate_hz)):
            self.clock.advance(1 / rate_hz)
            self.messages += self.channel.take(measurement(spo2_pct), now(self.clock))

    @property
    def readings(self) -> list[Reading]:
        return [message for message in self.messages if isinstance(message, Reading)]

    @property
    def blocks(self) -> list[WaveformBlock]:
        return [message for message in self.messages if isinstance(message, WaveformBlock)]


def measurement(spo2_pct: float | None) -> Measurement:
    finger = spo2_pct is not None
    return Measurement(
        spo2_pct=spo2_pct,
        pulse_bpm=70 if finger else None,
        waveform=(5,),
        finger=finger,
        quality=1.0 if finger else 0.0,
        flags=() if finger else (Flag.NO_FINGER,),
    )


def test_a_fast_meter_gives_one_reading_a_second() -> None:
    meter = Meter()
    meter.measure(seconds=60)
    assert 60 <= len(meter.readings) <= 61
    assert {reading.mode for reading in meter.readings} == {Mode.CONTINUOUS}
    assert meter.readings[0].values == {"spo2_pct": 96, "pulse_bpm": 70}


@given(jitter_ms=st.lists(st.integers(-200, 200), min_size=30, max_size=30))
def test_a_meter_of_one_a_second_loses_nothing_to_its_jitter(jitter_ms: list[int]) -> None:
    meter = Meter()
    start_ns = meter.clock.boottime
    for second, jitter in enumerate(jitter_ms, start=1):
        meter.clock.boottime = start_ns + second * NS_PER_S + jitter * 1_000_000
        meter.messages += meter.channel.take(measurement(96), now(meter.clock))
    assert len(meter.readings) == len(jitter_ms)


@given(gaps_s=st.lists(st.floats(0.001, 5), min_size=1, max_size=200))
def test_never_much_more_than_one_a_second_goes_out(gaps_s: list[float]) -> None:
    meter = Meter()
    for gap_s in gaps_s:
        meter.clock.advance(gap_s)
        meter.messages += meter.channel.take(measurement(96), now(meter.clock))
    assert len(meter.readings) <= sum(gaps_s) + 2


def test_a_finger_that_leaves_is_told_at_once_and_without_a_value() -> None:
    meter = Meter()
    meter.measure(seconds=2.5)
    before = len(meter.readings)
    meter.measure(None, seconds=1 / RATE_HZ)
    (told,) = meter.readings[before:]
    assert told.values == {"spo2_pct": None, "pulse_bpm": None}
    assert told.quality == 0
    assert told.flags == ("no-finger",)
    meter.measure(97, seconds=0.2)
    assert meter.readings[-1].values["spo2_pct"] == 97


def test_a_trembling_finger_makes_no_flood() -> None:
    meter = Meter()
    for _ in range(300):
        meter.measure(96, seconds=1 / RATE_HZ)
        meter.measure(None, seconds=1 / RATE_HZ)
    assert len(meter.readings) <= 10 * 10 + 2


def test_a_measurement_of_no_quality_has_no_value_whatever_stands_in_it() -> None:
    meter = Meter()
    demo = Measurement(spo2_pct=99, pulse_bpm=60, quality=0.0, flags=(Flag.DEMONSTRATION,))
    (reading,) = meter.channel.take(demo, now(meter.clock))
    assert isinstance(reading, Reading)
    assert set(reading.values.values()) == {None}
    assert reading.flags == ("demonstration",)


def test_samples_become_blocks_of_a_second_and_none_is_lost() -> None:
    meter = Meter()
    meter.measure(seconds=10.5)
    assert [block.count for block in meter.blocks] == [RATE_HZ] * 10
    meter.messages += meter.channel.link_changed(SensorLink.LOST, now(meter.clock))
    assert meter.blocks[-1].count == RATE_HZ // 2
    assert isinstance(meter.messages[-1], SensorState)
    assert array("h", meter.blocks[0].samples).tolist() == [5] * RATE_HZ
    spacing = meter.blocks[1].at.boottime_ns - meter.blocks[0].at.boottime_ns
    assert spacing == pytest.approx(NS_PER_S, rel=0.001)


def test_a_silence_ends_a_block_and_no_finger_makes_none() -> None:
    meter = Meter()
    meter.measure(seconds=0.5)
    meter.measure(None, seconds=2)
    assert not meter.blocks
    meter.measure(seconds=1)
    assert [block.count for block in meter.blocks] == [RATE_HZ // 2, RATE_HZ]


def test_a_packet_of_samples_begins_before_it_arrives() -> None:
    meter = Meter()
    packet = Measurement(spo2_pct=96, pulse_bpm=70, waveform=(1,) * 60, finger=True, quality=1.0)
    messages = meter.channel.take(packet, now(meter.clock))
    block = next(message for message in messages if isinstance(message, WaveformBlock))
    assert now(meter.clock).boottime_ns - block.at.boottime_ns == round(59 / 60 * NS_PER_S)


def channel_of(driver: str, stream: str) -> Channel:
    record, ids = device(driver), itertools.count()
    return Channel(
        record, lambda: next(ids).to_bytes(16), stream=record.stream(stream), serial="500001"
    )


def test_single_measurements_and_slow_streams_are_told_apart() -> None:
    clock = ManualClock()
    value = Measurement(spo2_pct=96, pulse_bpm=70, quality=1.0)
    for stream, mode in (("2a5e", Mode.SPOT), ("2a5f", Mode.CONTINUOUS)):
        (reading,) = channel_of("plx", stream).take(value, now(clock))
        assert isinstance(reading, Reading)
        assert reading.mode is mode
        assert reading.sensor_serial == "500001"


def test_a_battery_takes_no_value_away_and_is_told_when_it_moves() -> None:
    clock = ManualClock()
    channel = channel_of("plx", "2a19")
    levels = [80, 79, 80, 74]
    told = [
        message.battery_pct
        for level in levels
        for message in channel.take(Measurement(battery_pct=level), now(clock))
        if isinstance(message, SensorState)
    ]
    assert told == [80, 74]


def test_samples_of_sixteen_bits_are_carried_as_they_are() -> None:
    samples = tuple(range(0, 65536, 874))
    channel = channel_of("nonin-ble", "ppg")
    (block,) = channel.take(Measurement(waveform=samples), now(ManualClock()))
    assert isinstance(block, WaveformBlock)
    assert unpack_samples(block.codec, block.samples) == list(samples)


def test_a_record_with_its_own_time_keeps_its_id() -> None:
    clock = ManualClock()
    channel = channel_of("plx", "2a5e")
    taken = datetime(2026, 11, 21, 8, 30)  # noqa: DTZ001 - a meter's clock has no zone
    first = Measurement(spo2_pct=96, measured_at=taken, quality=1.0)
    other = Measurement(spo2_pct=95, measured_at=taken, quality=1.0)
    ids = [channel.identity(each) for each in (first, first, other)]
    assert ids[0] == ids[1] != ids[2]
    (reading,) = channel.recall(first, now(clock))
    assert isinstance(reading, Reading)
    assert reading.flags == ("from-storage",)
    assert channel.quarantine(first, now(clock), "before-proof").id == ids[0]
