"""Contec's old five bytes, its "EB" stream and its SP10 spirometers."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import ErrorReason, Event, Flag, Measurement
from koffert_drivers.parser import StreamParser
from koffert_drivers.parsers import contec_eb
from koffert_drivers.parsers.contec_5byte import Contec5Byte
from koffert_drivers.parsers.contec_eb import ContecEb
from koffert_drivers.parsers.contec_frames import command
from koffert_drivers.parsers.contec_sp10 import ContecSp10
from koffert_drivers.simulated.contec import sp10_blow
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.speaker import Moment
from tests.drivers.contract import errors, measurements, run

GOOD = (0x86, 50, 8, 72, 97)
PREAMBLES = b"\xf2\x80\x00" * 3
LENGTH = b"\x80\x80\x05"
RECORDS = b"\xf0\xc8\x61" + b"\xf1\x82\x60"


def old(*data: int) -> Measurement:
    (measurement,) = measurements(run(StreamParser(Contec5Byte()), [bytes(data)]))
    return measurement


def old_run(data: bytes) -> list[Event]:
    return run(StreamParser(Contec5Byte()), [data])


@given(pulse=st.integers(1, 254), spo2=st.integers(1, 100), wave=st.integers(0, 127))
def test_every_value_of_the_old_protocol(pulse: int, spo2: int, wave: int) -> None:
    measurement = old(0x86, wave, pulse >> 7 << 6 | 8, pulse & 0x7F, spo2)
    assert (measurement.pulse_bpm, measurement.spo2_pct) == (pulse, spo2)
    assert (measurement.waveform, measurement.quality) == ((wave,), 1)


@pytest.mark.parametrize(
    ("index", "value", "flag"),
    [(0, 0x96, Flag.SEARCHING), (2, 0x28, Flag.SEARCHING), (2, 0x18, Flag.PROBE_ERROR)],
)
def test_marked_bad(index: int, value: int, flag: Flag) -> None:
    measurement = old(*GOOD[:index], value, *GOOD[index + 1 :])
    assert (measurement.spo2_pct, measurement.quality, measurement.flags) == (None, 0, (flag,))


def test_a_download() -> None:
    events = old_run(PREAMBLES + LENGTH + b"\x00" + RECORDS + b"\xf6\xf6\xf6" + bytes(GOOD))
    assert not errors(events)
    stored, high, live = measurements(events)
    assert (stored.pulse_bpm, stored.spo2_pct) == (72, 97)
    assert (high.pulse_bpm, high.spo2_pct) == (130, 96)
    assert stored.flags == high.flags == (Flag.FROM_STORAGE,)
    assert live.flags == ()


def test_records_outside_a_download_are_garbage() -> None:
    events = old_run(RECORDS + bytes(GOOD))
    assert [m.flags for m in measurements(events)] == [()]
    assert errors(events)


def test_a_foreign_record_in_a_download_is_an_error() -> None:
    events = old_run(PREAMBLES + LENGTH + b"\xe0\x80\x61" + RECORDS)
    assert [error.reason for error in errors(events)] == [ErrorReason.CONTENT]
    assert len(measurements(events)) == 2


def test_a_damaged_download_does_not_invent_values() -> None:
    events = old_run(PREAMBLES + LENGTH + RECORDS + b"\x7f" + RECORDS)
    assert len(measurements(events)) == 2
    assert errors(events)


def eb(*chunks: bytes) -> list[Event]:
    return run(StreamParser(ContecEb()), chunks)


def test_frames_of_the_eb_stream_over_notifications() -> None:
    numbers, wave = command(0xEB, 1, 4, 83, 99, 0x7F, 0), command(0xEB, 0, 0, 72, 9)
    glued = numbers + wave + wave
    events = eb(glued[:5], glued[5:16], glued[16:])
    assert [(m.spo2_pct, m.waveform) for m in measurements(events)] == [
        (99, ()),
        (None, (72,)),
        (None, (72,)),
    ]


def test_a_wrong_sum_is_an_error() -> None:
    damaged = bytearray(command(0xEB, 1, 4, 83, 99, 0x7F, 0))
    damaged[4] ^= 1
    assert [error.reason for error in errors(eb(bytes(damaged)))] == [ErrorReason.CHECKSUM]


def test_each_damaged_frame_is_an_error_of_its_own() -> None:
    damaged = command(0xEB, 0, 0, 72, 9)[:-1] + b"\x00"
    found = errors(eb(damaged + damaged, command(0xEB, 0, 0, 72, 9), damaged))
    assert [(error.reason, error.data) for error in found] == [(ErrorReason.CHECKSUM, damaged)] * 3


def test_replies_of_the_eb_stream_are_no_errors() -> None:
    assert eb(command(0xF3, 0), command(0xE0, 5, 1, 2, 0, 0), command(0xF2, *range(6))) == []


def test_a_stored_value_of_the_eb_stream() -> None:
    (stored,) = measurements(eb(command(0xE1, 0x40, 26, 11, 21, 8, 30, 15, 96, 72)))
    assert (stored.spo2_pct, stored.pulse_bpm) == (96, 72)
    assert stored.measured_at == datetime(2026, 11, 21, 8, 30, 15)  # noqa: DTZ001 - no zone
    (unset,) = measurements(eb(command(0xE1, 0, 0, 0, 0, 0, 0, 0, 96, 72)))
    assert unset.flags == (Flag.FROM_STORAGE, Flag.CLOCK_NOT_SET)


def test_the_commands_of_the_eb_stream() -> None:
    assert contec_eb.HELLO.hex() == "8101"
    assert contec_eb.VERSION.hex() == "8202"
    assert contec_eb.KEEP_ALIVE.hex() == "9a1a"
    assert contec_eb.PREPARE.hex() == "9b001b"
    assert contec_eb.START_LIVE.hex() == "9b011c"
    assert contec_eb.STOP_LIVE.hex() == "9b7f1a"


def blow(change: dict[int, int] | None = None) -> Measurement:
    data = bytearray(sp10_blow(Physiology(), Moment(0, 0.0)))[:-1]
    for place, value in (change or {}).items():
        data[place] = value
    (measurement,) = measurements(run(StreamParser(ContecSp10()), [command(*data)]))
    return measurement


def test_a_blow() -> None:
    told = blow()
    assert (told.fvc_l, told.fev1_l, told.pef_l_s) == (3.1, 1.45, 4.2)
    assert (told.fef25_l_s, told.fef75_l_s, told.fef25_75_l_s) == (1.5, 0.4, 0.75)
    assert told.measured_at == datetime(2026, 11, 21, 8, 0, 30)  # noqa: DTZ001 - no zone
    assert (told.quality, told.flags) == (1, (Flag.FROM_STORAGE,))


def test_the_high_bits_are_put_back() -> None:
    # FVC is bytes 15 and 16, whose bit 7 are bits 5 and 6 of byte 9: 2.55 L is 0xFF, 0x00.
    assert blow({9: 0x20, 15: 0x7F, 16: 0}).fvc_l == 2.55


@pytest.mark.parametrize("change", [{9: 0, 15: 0x69, 16: 7}, {17: 0, 21: 0x41, 22: 6}])
def test_an_impossible_blow_is_void(change: dict[int, int]) -> None:
    assert Flag.INVALID in blow(change).flags
    assert blow(change).quality == 0


def test_a_blow_without_a_clock() -> None:
    assert blow({2: 0}).flags == (Flag.FROM_STORAGE, Flag.CLOCK_NOT_SET)
