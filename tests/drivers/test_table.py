"""The device table as a whole."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from koffert_drivers.device import DeviceRecord, State, Transport, UnknownStream, short_uuid
from koffert_drivers.measurement import DOUBTFUL, NUMBERS, VOIDING, Flag, Measurement, judged
from koffert_drivers.simulated.voices import VOICES
from koffert_drivers.table import DEVICES, AmbiguousDevice, UnknownDevice, device, recognise

every = pytest.mark.parametrize("record", DEVICES, ids=lambda record: record.id)


def test_ids_are_unique_and_found() -> None:
    assert len({record.id for record in DEVICES}) == len(DEVICES)
    assert all(device(record.id) is record for record in DEVICES)
    with pytest.raises(UnknownDevice):
        device("stethoscope")


@every
def test_a_record_is_complete(record: DeviceRecord) -> None:
    assert record.kinds
    assert (record.serial is not None) == (record.transport is Transport.SERIAL)
    assert (record.ble is not None) == (record.transport is Transport.BLE)
    names = [stream.name for stream in record.streams]
    assert len(set(names)) == len(names) > 0
    for stream in record.streams:
        assert (stream.characteristic is not None) == (record.transport is Transport.BLE)
        assert record.stream(stream.name.upper()) is stream
    with pytest.raises(UnknownStream):
        record.stream("df99")


@every
def test_what_is_not_done_says_why(record: DeviceRecord) -> None:
    for rule in record.quality_scale.__struct_fields__:
        mark = getattr(record.quality_scale, rule)
        assert (mark.state is State.DONE) != bool(mark.why), rule


@every
def test_every_stream_has_a_simulated_voice(record: DeviceRecord) -> None:
    assert {(record.id, stream.name) for stream in record.streams} <= set(VOICES)


def test_there_is_no_voice_without_a_device() -> None:
    known = {(record.id, stream.name) for record in DEVICES for stream in record.streams}
    assert set(VOICES) == known


def test_uuids_of_the_sig_have_a_short_form() -> None:
    assert short_uuid("00002A5F-0000-1000-8000-00805F9B34FB") == "2a5f"
    assert short_uuid("0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B")[:8] == "0aad7ea0"


def test_no_flag_both_voids_and_doubts() -> None:
    assert not VOIDING & DOUBTFUL
    assert set(Flag) >= VOIDING | DOUBTFUL


@pytest.mark.parametrize("flag", sorted(VOIDING))
def test_a_voiding_flag_leaves_no_number(flag: Flag) -> None:
    numbers = dict.fromkeys(NUMBERS, 50.0)
    full = replace(Measurement(battery_pct=80.0, waveform=(1,), flags=(flag,)), **numbers)
    voided = judged(full)
    assert all(getattr(voided, name) is None for name in NUMBERS)
    assert (voided.quality, voided.battery_pct, voided.waveform) == (0, 80.0, (1,))


@pytest.mark.parametrize("flag", sorted(DOUBTFUL))
def test_a_doubtful_value_stays_with_less_quality(flag: Flag) -> None:
    doubtful = judged(Measurement(spo2_pct=90.0, flags=(flag,)))
    assert doubtful.spo2_pct == 90.0
    assert 0 < doubtful.quality < 1


@pytest.mark.parametrize("flag", sorted(set(Flag) - VOIDING - DOUBTFUL))
def test_other_flags_only_inform(flag: Flag) -> None:
    assert judged(Measurement(spo2_pct=90.0, flags=(flag,))).quality == 1


@pytest.mark.parametrize(
    ("name", "address", "services", "known"),
    [
        ("BerryMed\0\0\0", "11:22:33:44:55:66", (), "berrymed-bci"),
        (None, "00:A0:50:31:2B:6D", (), "berrymed-bci"),
        (None, "00:a0:50:31:2b:6d", (), "berrymed-bci"),
        # It also offers the SIG's service; its name says more.
        ("Nonin3230_502644", "00:1C:05:00:00:01", ("1822",), "nonin-ble"),
        ("Anything", "", ("00001822-0000-1000-8000-00805f9b34fb",), "plx"),
        ("LUNG_0000129406", "", (), "vitalograph-lung-monitor"),
        ("Headphones", "11:22:33:44:55:66", ("110b",), None),
        (None, "", (), None),
    ],
)
def test_a_device_is_recognised(
    name: str | None, address: str, services: tuple[str, ...], known: str | None
) -> None:
    found = recognise(name, address, services)
    assert (found.id if found else None) == known


def test_a_quarrel_over_a_device_is_an_error() -> None:
    with pytest.raises(AmbiguousDevice):
        recognise(None, "", ("1822", "180d"))


def test_no_row_claims_what_another_row_claims() -> None:
    for field in ("names", "ouis", "services"):
        claims = [claim for each in DEVICES for claim in getattr(each.recognition, field)]
        assert len(set(claims)) == len(claims), field


@pytest.mark.parametrize(
    ("measurement", "speaks"),
    [
        (judged(Measurement(spo2_pct=96.0)), True),
        (judged(Measurement(spo2_pct=96.0, flags=(Flag.NO_FINGER,))), True),
        (judged(Measurement(flags=(Flag.SPO2_MISSING,))), True),
        (judged(Measurement(waveform=(1, 2))), False),
        (judged(Measurement(waveform=(1, 2), flags=(Flag.UNSYNCHRONISED,))), False),
        (judged(Measurement(battery_pct=80.0, flags=(Flag.LOW_BATTERY,))), False),
    ],
)
def test_samples_take_no_value_away(measurement: Measurement, *, speaks: bool) -> None:
    assert measurement.speaks_of_numbers is speaks


def test_what_is_taken_once_and_what_flows() -> None:
    spot = {
        f"{record.id} {stream.name}"
        for record in DEVICES
        for stream in record.streams
        if stream.spot and stream.name != "2a19"
    }
    assert spot == {
        "nonin-serial df13",
        "plx 2a5e",
        "vitalograph-lung-monitor blow",
        "contec-sp10 blows",
        "flow-lines flow",
        "sig-thermometer 2a1c",
        "sig-blood-pressure 2a35",
        "sig-weight 2a9d",
    }
