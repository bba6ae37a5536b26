"""BerryMed, Viatom, Jumper and Vitalograph, field by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.measurement import ErrorReason, Event, Flag, Measurement
from koffert_drivers.parser import PacketParser, StreamFormat, StreamParser
from koffert_drivers.parsers import jumper_jpd500f
from koffert_drivers.parsers.berrymed_bci import BerryMedBci
from koffert_drivers.parsers.checksums import crc8, crc8_maxim, exclusive_or
from koffert_drivers.parsers.viatom_o2ring import READ_SENSORS, ViatomO2Ring
from koffert_drivers.parsers.viatom_pc60fw import ViatomPc60fw
from koffert_drivers.parsers.vitalograph_lung_monitor import VitalographLungMonitor
from tests.drivers.contract import errors, measurements, run


def events(stream_format: StreamFormat, *chunks: bytes) -> list[Event]:
    return run(StreamParser(stream_format), chunks)


def one(found: list[Event]) -> Measurement:
    (measurement,) = measurements(found)
    assert not errors(found)
    return measurement


def berrymed(*data: int) -> Measurement:
    return one(events(BerryMedBci(), bytes(data)))


@given(pulse=st.integers(1, 254), spo2=st.integers(1, 100), wave=st.integers(0, 100))
def test_every_value_of_berrymed(pulse: int, spo2: int, wave: int) -> None:
    measurement = berrymed(0x86, wave, pulse >> 7 << 6 | 8, pulse & 0x7F, spo2)
    assert (measurement.pulse_bpm, measurement.spo2_pct) == (pulse, spo2)
    assert (measurement.waveform, measurement.finger, measurement.quality) == ((wave,), True, 1)


@pytest.mark.parametrize(
    ("status", "bar", "flag", "finger"),
    [
        (0xA6, 8, Flag.SENSOR_DISCONNECTED, False),
        (0x96, 8, Flag.NO_SIGNAL, True),
        (0x86, 0x28, Flag.SEARCHING, True),
        (0x86, 0x18, Flag.NO_FINGER, False),
    ],
)
def test_each_status_bit_of_berrymed(status: int, bar: int, flag: Flag, *, finger: bool) -> None:
    measurement = berrymed(status, 50, bar, 72, 97)
    assert (measurement.spo2_pct, measurement.quality) == (None, 0)
    assert (measurement.flags, measurement.finger) == ((flag,), finger)


def test_missing_numbers_of_berrymed() -> None:
    nothing = berrymed(0x86, 0, 0x40, 0x7F, 127)
    assert nothing.flags == (Flag.SPO2_MISSING, Flag.PULSE_MISSING)


def reply(payload: bytes, status: int = 0) -> bytes:
    body = bytes((0x55, status, status ^ 0xFF, 0, 0)) + len(payload).to_bytes(2, "little") + payload
    return body + bytes((crc8(body),))


def sensors(spo2: int = 96, pulse: int = 93, worn: int = 1) -> bytes:
    return bytes((spo2,)) + pulse.to_bytes(2, "little") + bytes((0, 0, 0, 0, 49, 0, 5, 3, worn, 0))


def test_a_reply_of_the_ring_over_two_notifications() -> None:
    # Twenty bytes of a recorded reply, whose CRC comes alone in the next notification.
    head = bytes.fromhex("5500ff00000d00605d0000000000310000000100")
    measurement = one(events(ViatomO2Ring(), head, b"\xac"))
    assert (measurement.spo2_pct, measurement.pulse_bpm) == (96, 93)
    assert (measurement.battery_pct, measurement.finger) == (49, True)


@pytest.mark.parametrize(
    ("payload", "flags"),
    [
        (bytes.fromhex("ffffff00000000600005000000"), (Flag.NO_FINGER,)),
        (sensors(worn=0), (Flag.NO_FINGER,)),
        (sensors(0, 0), (Flag.CALIBRATING,)),
    ],
)
def test_a_ring_that_has_no_value(payload: bytes, flags: tuple[Flag, ...]) -> None:
    measurement = one(events(ViatomO2Ring(), reply(payload)))
    assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.quality) == (None, None, 0)
    assert measurement.flags == flags
    assert measurement.battery_pct


def test_the_pulse_of_the_ring_has_two_bytes() -> None:
    assert one(events(ViatomO2Ring(), reply(sensors(pulse=260)))).pulse_bpm == 260


def test_a_live_block_of_the_ring() -> None:
    samples = bytes(range(125))
    payload = bytes((97, 72, 0, 80, 0, 20, 1, 0, 0, 0, 125, 0)) + samples
    measurement = one(events(ViatomO2Ring(), reply(payload)))
    assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.battery_pct) == (97, 72, 80)
    assert measurement.waveform == tuple(samples)


@pytest.mark.parametrize("data", [reply(b'{"SN":"1"}'), reply(sensors(), status=1), reply(b"")])
def test_other_replies_of_the_ring_are_no_measurements(data: bytes) -> None:
    assert events(ViatomO2Ring(), data) == []


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (reply(sensors())[:-1] + b"\x00", ErrorReason.CHECKSUM),
        (bytes.fromhex("5500ff0000ff7f"), ErrorReason.OVERSIZED),
        (b"\x55\x00\xfe", ErrorReason.GARBAGE),
    ],
)
def test_damaged_replies_of_the_ring(damaged: bytes, reason: ErrorReason) -> None:
    found = events(ViatomO2Ring(), damaged, reply(sensors()))
    assert errors(found)[0].reason is reason
    assert len(measurements(found)) == 1


def test_the_request_of_the_ring() -> None:
    assert READ_SENSORS.hex() == "aa17e8000000001b"


def pc60fw(*content: int, token: int = 0x0F) -> bytes:
    body = bytes((0xAA, 0x55, token, len(content) + 1, *content))
    return body + bytes((crc8_maxim(body),))


def test_numbers_of_the_pc60fw() -> None:
    measurement = one(events(ViatomPc60fw(), pc60fw(1, 97, 72, 0, 42, 0, 0)))
    assert (measurement.spo2_pct, measurement.pulse_bpm, measurement.pai_pct) == (97, 72, 4.2)


def test_waveform_of_the_pc60fw() -> None:
    recorded = bytes.fromhex("aa550f07023b3835322fbd")
    assert one(events(ViatomPc60fw(), recorded)).waveform == (59, 56, 53, 50, 47)
    assert one(events(ViatomPc60fw(), pc60fw(2, 0x80 | 60))).waveform == (60,)


def test_the_status_and_the_high_byte_of_the_pc60fw() -> None:
    # From the clients' own text, CRC added.
    recorded = one(events(ViatomPc60fw(), pc60fw(*bytes.fromhex("01603e005000c0"))))
    assert (recorded.spo2_pct, recorded.pulse_bpm, recorded.pai_pct) == (96, 62, 8.0)
    assert one(events(ViatomPc60fw(), pc60fw(1, 96, 4, 1, 80, 0, 0xC0))).pulse_bpm == 260
    assert one(events(ViatomPc60fw(), pc60fw(1, 96, 62, 9, 80, 0, 0xC0))).pulse_bpm is None
    for status, flag in ((2, Flag.NO_FINGER), (4, Flag.SEARCHING)):
        away = one(events(ViatomPc60fw(), pc60fw(1, 96, 62, 0, 80, status, 0xC0)))
        assert (away.spo2_pct, away.quality, away.flags) == (None, 0, (flag,))


def test_a_pc60fw_without_a_finger() -> None:
    nothing = one(events(ViatomPc60fw(), pc60fw(1, 0, 0, 0, 0, 0, 0)))
    assert (nothing.spo2_pct, nothing.pulse_bpm, nothing.pai_pct, nothing.quality) == (
        None,
    ) * 3 + (0,)


@pytest.mark.parametrize(
    "frame", [pc60fw(0x21, 1, 2), pc60fw(3, 4, token=0xF0), pc60fw(1, 97), pc60fw(1)]
)
def test_other_functions_of_the_pc60fw_are_left_alone(frame: bytes) -> None:
    assert events(ViatomPc60fw(), frame) == []


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (b"\xaa\x55\x0f\x01", ErrorReason.CONTENT),
        (pc60fw(1, 97, 72, 0, 42, 0, 0)[:-1] + b"\x00", ErrorReason.CHECKSUM),
    ],
)
def test_damaged_frames_of_the_pc60fw(damaged: bytes, reason: ErrorReason) -> None:
    found = events(ViatomPc60fw(), damaged, pc60fw(2, 1))
    assert errors(found)[0].reason is reason
    assert len(measurements(found)) == 1


def jumper(data: bytes) -> list[Event]:
    return run(PacketParser(jumper_jpd500f.decode), [data])


def test_numbers_of_the_jumper() -> None:
    measurement = one(jumper(b"\x81\x91\x61\x2a"))
    assert (measurement.pulse_bpm, measurement.spo2_pct, measurement.pai_pct) == (145, 97, 4.2)
    nothing = one(jumper(b"\x81\xff\x7f\x00"))
    assert (nothing.pulse_bpm, nothing.spo2_pct, nothing.pai_pct) == (None, None, None)
    assert nothing.quality == 0


def test_waveform_of_the_jumper() -> None:
    assert one(jumper(b"\x80\x01\x02\x03")).waveform == (1, 2, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ErrorReason.GARBAGE),
        (b"\x82\x00", ErrorReason.GARBAGE),
        (b"\x81\x48", ErrorReason.TRUNCATED),
    ],
)
def test_foreign_values_of_the_jumper(data: bytes, reason: ErrorReason) -> None:
    assert [error.reason for error in errors(jumper(data))] == [reason]


LUNG = "FTD00001294063633990914040000000950900001305281044180923"


def lung(text: str) -> list[Event]:
    body = b"\x02" + text.encode() + b"\x03"
    return events(VitalographLungMonitor(), body + bytes((exclusive_or(body),)))


def test_a_poor_blow_keeps_its_numbers_with_a_flag() -> None:
    poor = one(lung(LUNG[:52] + "1" + LUNG[53:]))
    assert (poor.fev1_l, poor.quality, poor.flags) == (3.63, 0.5, (Flag.POOR_EFFORT,))


def test_a_lung_monitor_without_a_clock() -> None:
    unset = one(lung(LUNG[:40] + "000000000000" + LUNG[52:]))
    assert (unset.measured_at, unset.flags) == (None, (Flag.CLOCK_NOT_SET,))


def test_a_lung_monitor_that_nobody_set_up() -> None:
    blank = one(lung(LUNG[:25] + " " * 27 + LUNG[52:]))
    assert (blank.fev1_l, blank.fev6_l, blank.fef25_75_l_s) == (3.63, 3.99, 4.04)
    assert (blank.measured_at, blank.flags) == (None, (Flag.CLOCK_NOT_SET,))


@pytest.mark.parametrize("text", ["GTD" + LUNG[3:], LUNG[:13] + "36x" + LUNG[16:]])
def test_a_foreign_text_is_an_error(text: str) -> None:
    assert [error.reason for error in errors(lung(text))] == [ErrorReason.CONTENT]


def test_a_blow_cut_short_by_the_next_is_truncated() -> None:
    body = b"\x02" + LUNG.encode() + b"\x03"
    whole = body + bytes((exclusive_or(body),))
    found = events(VitalographLungMonitor(), whole[:30], whole)
    assert [error.reason for error in errors(found)] == [ErrorReason.TRUNCATED]
    assert len(measurements(found)) == 1
