"""Nonin data formats 2 and 7, field by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import ErrorReason, Flag, Measurement
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers.nonin_commands import set_format
from koffert_drivers.parsers.nonin_waveform import NoninFrame, NoninWaveform
from tests.drivers.contract import errors, measurements, run

FORMATS = pytest.mark.parametrize("number", [2, 7])
# FLOAT bytes of the 25 frames: pulse 300, SpO2 96; all display values tell something else.
VALUES = {1: 2, 2: 44, 3: 96, 9: 90, 17: 90, 20: 0, 21: 50, 22: 0, 23: 50}


def frame(number: int, index: int, status: int = 0, value: int = 0, sample: int = 0) -> bytes:
    status |= 0x80 | (index == 1)
    head = (
        bytes((1, status, sample & 0xFF)) if number == 2 else bytes((status, *divmod(sample, 256)))
    )
    body = head + bytes((value,))
    return body + bytes((sum(body) & 0xFF,))


def packet(
    number: int, values: dict[int, int] = VALUES, statuses: dict[int, int] | None = None
) -> list[bytes]:
    statuses = statuses or {}
    return [
        frame(number, index, statuses.get(index, 0), values.get(index, 0), sample=index)
        for index in range(1, 26)
    ]


def parser(number: int) -> StreamParser:
    return StreamParser(NoninWaveform(NoninFrame(wide=number == 7)))


def one(number: int, frames: list[bytes]) -> Measurement:
    (measurement,) = measurements(run(parser(number), frames))
    return measurement


@FORMATS
def test_a_packet(number: int) -> None:
    measurement = one(number, packet(number))
    assert (measurement.spo2_pct, measurement.pulse_bpm) == (96, 300)
    assert measurement.waveform == tuple(range(1, 26))
    assert (measurement.quality, measurement.flags, measurement.finger) == (1, (), True)


@FORMATS
@given(pulse=st.integers(1, 510), spo2=st.integers(1, 100))
def test_every_value(number: int, pulse: int, spo2: int) -> None:
    measurement = one(number, packet(number, {1: pulse >> 7, 2: pulse & 0x7F, 3: spo2}))
    assert (measurement.pulse_bpm, measurement.spo2_pct) == (pulse, spo2)


def test_wide_samples() -> None:
    frames = [frame(7, index, sample=0xFF00 + index) for index in range(1, 26)]
    assert one(7, frames).waveform[0] == 0xFF01


@FORMATS
@pytest.mark.parametrize(
    ("bit", "flag"),
    [
        (6, Flag.SENSOR_DISCONNECTED),
        (5, Flag.ARTEFACT),
        (4, Flag.OUT_OF_TRACK),
        (3, Flag.SENSOR_ALARM),
    ],
)
@pytest.mark.parametrize("index", [1, 13, 25])
def test_one_bad_frame_voids_the_packet(number: int, bit: int, flag: Flag, index: int) -> None:
    measurement = one(number, packet(number, statuses={index: 1 << bit}))
    assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.quality) == (None, None, 0)
    assert measurement.flags == (flag,)
    assert len(measurement.waveform) == 25


@FORMATS
def test_display_values_are_never_used(number: int) -> None:
    missing = VALUES | {1: 3, 2: 127, 3: 127}
    measurement = one(number, packet(number, missing))
    assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.quality) == (None, None, 0)


@pytest.mark.parametrize(
    ("bits", "flags"),
    [
        (0b100, (Flag.LOW_PERFUSION,)),
        (0b110, (Flag.MARGINAL_PERFUSION,)),
        (0b010, ()),
    ],
)
def test_perfusion(bits: int, flags: tuple[Flag, ...]) -> None:
    measurement = one(2, packet(2, statuses={5: bits}))
    assert measurement.flags == flags
    assert measurement.spo2_pct == 96
    assert measurement.quality == (0.5 if flags else 1)


def test_a_weak_and_a_good_beat_in_one_packet_are_no_marginal_beat() -> None:
    measurement = one(2, packet(2, statuses={5: 0b100, 20: 0b010}))
    assert measurement.flags == (Flag.LOW_PERFUSION,)


def test_low_battery() -> None:
    assert one(2, packet(2, VALUES | {8: 1})).flags == (Flag.LOW_BATTERY,)


@FORMATS
def test_no_sample_is_lost_around_a_packet(number: int) -> None:
    frames = [*packet(number)[20:], *packet(number), *packet(number)[:3]]
    head, whole, tail = measurements(run(parser(number), frames))
    assert head.waveform == (21, 22, 23, 24, 25)
    assert tail.waveform == (1, 2, 3)
    assert whole.spo2_pct == 96
    for part in (head, tail):
        assert (part.spo2_pct, part.quality, part.flags) == (None, 0, (Flag.UNSYNCHRONISED,))


@FORMATS
def test_a_damaged_frame_ends_its_packet(number: int) -> None:
    frames = [*packet(number), *packet(number), *packet(number)]
    damaged = bytearray(frames[30])
    damaged[2] ^= 0x40
    events = run(parser(number), [*frames[:30], bytes(damaged), *frames[31:]])
    assert [error.reason for error in errors(events)] == [ErrorReason.CHECKSUM]
    assert [m.spo2_pct for m in measurements(events)] == [96, None, None, 96]
    assert sum(len(m.waveform) for m in measurements(events)) == 74


def test_each_damaged_frame_is_an_error_of_its_own() -> None:
    frames = packet(2)
    damaged = [bytes((*each[:4], each[4] ^ 0x40)) for each in frames[10:12]]
    events = run(parser(2), [*frames[:10], *damaged, *frames[12:]])
    assert [(error.reason, error.size) for error in errors(events)] == [
        (ErrorReason.CHECKSUM, 5),
        (ErrorReason.CHECKSUM, 5),
    ]


@FORMATS
def test_a_lost_frame_is_noticed_at_the_next_sync(number: int) -> None:
    frames = packet(number)
    del frames[10]
    found = measurements(run(parser(number), [*frames, *packet(number)]))
    assert [m.spo2_pct for m in found] == [None, 96]


@FORMATS
def test_the_answer_to_a_command_is_no_error(number: int) -> None:
    events = run(parser(number), [b"\x06", *packet(number)])
    assert not errors(events)


def test_the_command_of_the_vendor() -> None:
    assert set_format(8).hex() == "027002020803"
