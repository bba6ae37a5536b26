"""Every reader on recordings written by the tests: samples exact, words and identity in place."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.stills import huffman, xli
from koffert_drivers.stills.errors import (
    DamagedStill,
    IncompleteStill,
    StillError,
    TooLarge,
    UnknownFormat,
    UnsupportedStill,
)
from koffert_drivers.stills.leads import STANDARD_ORDER, Wide, canonical, frozen, with_derived
from koffert_drivers.stills.reader import LARGEST_FILE_BYTES, read_still
from koffert_drivers.stills.records import (
    NO_SAMPLE,
    EcgStill,
    Format,
    Lead,
    PatientIdentity,
    Sex,
    StillDocument,
)
from tests.drivers.stills import samples

EIGHT, TWELVE = samples.beats(8), samples.beats(12)


def read(content: bytes, companions: dict[str, bytes] | None = None) -> EcgStill:
    still = read_still(content, companions or {})
    assert isinstance(still, EcgStill)
    return still


def assert_holds(still: EcgStill, names: tuple[str, ...], leads: list[Wide]) -> None:
    for name, expected in zip(names, leads, strict=True):
        assert np.array_equal(still.lead(name).samples, expected), name
        assert not still.lead(name).derived
    assert [lead.name for lead in still.leads] == list(STANDARD_ORDER)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("packed", [True, False])
def test_scp(order: int, *, packed: bool) -> None:
    still = read(samples.scp(EIGHT, order=order, packed=packed))
    assert_holds(still, samples.LIMB_8, EIGHT)
    assert (still.format, still.rate_hz, still.lead("I").gain_uv) == (Format.SCP_ECG, 500.0, 2.5)
    zone = timezone(timedelta(minutes=60))
    assert still.recorded_at == datetime(2026, 3, 4, 5, 6, 7, tzinfo=zone)
    assert still.patient == PatientIdentity(
        patient_id="T-1", family_name="Testpasient 1", birth_date=date(1950, 2, 3), sex=Sex.FEMALE
    )


def test_scp_that_promises_more_than_it_holds_says_so() -> None:
    still = read(samples.scp(EIGHT, packed=False, promised=700))
    assert_holds(still, samples.LIMB_8, EIGHT)
    assert still.notes[0] == "lead I holds 600 of 700 samples"


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        (0, 1, DamagedStill),  # the record's checksum
        (2, 0xFF, DamagedStill),  # its length
        (200, 0xFF, DamagedStill),  # within a section
    ],
)
def test_damaged_scp(at: int, value: int, error: type[StillError]) -> None:
    content = bytearray(samples.scp(EIGHT))
    content[at] ^= value
    with pytest.raises(error):
        read_still(bytes(content))


def test_scp_in_two_rates_is_not_guessed() -> None:
    parts = {3: samples.section(3, bytes([1, 4]) + struct.pack("<IIB", 1, 10, 1))}
    parts[6] = samples.section(6, struct.pack("<HHBBH", 2500, 2000, 0, 1, 4) + bytes(4))
    with pytest.raises(UnsupportedStill, match="bimodal"):
        read_still(samples.record(parts))


def test_muse() -> None:
    still = read(samples.muse(EIGHT))
    assert_holds(still, samples.LIMB_8, EIGHT)
    assert (still.rate_hz, still.statements) == (500.0, ("Sinus rhythm",))
    assert still.recorded_at == datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - the cart names no zone
    assert still.patient.family_name == "Testpasient 1"
    assert still.patient.birth_date == date(1950, 2, 3)
    with pytest.raises(DamagedStill, match="checksum"):
        read_still(samples.muse(EIGHT).replace(b"CRC32>", b"CRC32>1", 1))


def test_aecg() -> None:
    still = read(samples.aecg(TWELVE))
    assert_holds(still, STANDARD_ORDER, TWELVE)
    assert (still.rate_hz, still.lead("aVR").gain_uv) == (500.0, 2.5)
    assert still.recorded_at == datetime(2026, 3, 4, 4, 6, 7, 250_000, tzinfo=UTC)
    moved = read(samples.aecg(TWELVE, origin="25"))
    assert np.array_equal(moved.lead("V6").samples, TWELVE[11] + 10)
    with pytest.raises(DamagedStill, match="length"):
        read_still(samples.aecg([*TWELVE[:11], TWELVE[11][:-1]]))
    with pytest.raises(DamagedStill, match="whole numbers"):
        read_still(samples.aecg(TWELVE).replace(b"<digits>", b"<digits>x ", 1))


def test_philips() -> None:
    still = read(samples.philips(TWELVE))
    assert_holds(still, STANDARD_ORDER, TWELVE)
    assert (still.rate_hz, still.lead("II").gain_uv) == (500.0, 5.0)
    assert still.notes == ()
    flat = [np.concatenate([lead, np.full(200, 200)]) for lead in TWELVE]
    assert "200 samples" in read(samples.philips(flat)).notes[0]


def test_edf() -> None:
    still = read(samples.edf(EIGHT))
    assert_holds(still, samples.LIMB_8, EIGHT)
    assert still.rate_hz == 100.0
    assert still.lead("I").gain_uv == pytest.approx(2.5)
    assert still.recorded_at == datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - EDF names no zone
    assert still.patient == PatientIdentity(
        patient_id="T-1", family_name="Testpasient 1", birth_date=date(1950, 2, 3), sex=Sex.FEMALE
    )
    with pytest.raises(UnsupportedStill):
        read_still(samples.edf(EIGHT, reserved="EDF+D"))
    with pytest.raises(DamagedStill, match="records"):
        read_still(samples.edf(EIGHT)[:-1])


def wfdb(number_format: int, data: bytes, sums: tuple[int, int]) -> EcgStill:
    header = "rec 2 500 4 05:06:07 04/03/2026\n" + "".join(
        f"rec.dat {number_format} 200/mV 12 0 0 {total} 0 {name}\n"
        for name, total in zip("ab", sums, strict=True)
    )
    return read(header.encode(), {"rec.dat": data})


def test_wfdb_formats() -> None:
    a, b = np.array([1, -2, 127, -127]), np.array([0, 5, -6, 100])
    both = np.stack([a, b], axis=1).reshape(-1)
    packed = b""
    for one, two in zip(a & 0xFFF, b & 0xFFF, strict=True):
        packed += bytes([one & 0xFF, (one >> 8) | ((two >> 8) << 4), two & 0xFF])
    stored = {
        16: both.astype("<i2").tobytes(),
        32: both.astype("<i4").tobytes(),
        80: (both + 128).astype(np.uint8).tobytes(),
        24: b"".join((int(x) & 0xFFFFFF).to_bytes(3, "little") for x in both),
        212: packed,
    }
    for number_format, data in stored.items():
        still = wfdb(number_format, data, (-1, 99))
        assert [lead.samples.tolist() for lead in still.leads] == [a.tolist(), b.tolist()]
        assert still.leads[0].gain_uv == 5.0
        assert still.recorded_at == datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - WFDB names no zone
    with pytest.raises(UnsupportedStill):
        wfdb(516, b"fLaC", (0, 0))
    with pytest.raises(DamagedStill):
        wfdb(16, stored[16][:-2], (-1, 99))
    with pytest.raises(DamagedStill, match="checksum"):
        wfdb(16, stored[16], (-1, 98))
    gap = np.array([1, -(2**15)] * 4, dtype="<i2")
    still = wfdb(16, gap.tobytes(), (4, -(2**15) * 4))
    assert np.isnan(still.leads[1].microvolts()).all()


def test_wfdb_asks_for_the_files_that_it_lacks() -> None:
    with pytest.raises(IncompleteStill) as waiting:
        read_still(b"rec 1 500 4\nrec.dat 16 200 12 0 0 0 0 I\n")
    assert waiting.value.missing == ("rec.dat",)


def test_lifepak_keeps_pieces_gaps_and_nanovolts() -> None:
    def piece(offset: str, data: str, count: int) -> str:
        return (
            f"<Waveforms><XValues><XOffset>{offset}</XOffset><NumberOfSamples>{count}"
            "</NumberOfSamples><SampleRate>125</SampleRate></XValues><YValues unit='mV'><RealValue>"
            f"<Scale>1</Scale><Data>{data}</Data></RealValue></YValues></Waveforms>"
        )

    def file(*pieces: str) -> bytes:
        return (
            "<ECGRecord><Record acquisitionDate='2026-03-04' acquisitionTime='05:06:07.5'>"
            f"<RecordData><Channel>Lead II</Channel>{''.join(pieces)}</RecordData></Record>"
            "</ECGRecord>"
        ).encode()

    still = read(file(piece("00:00:01.5", "0.0146400023424,,-1", 3), piece("01:00:00", "0.5", 1)))
    first, second = still.leads
    assert (first.name, first.start_s, second.start_s) == ("II", 1.5, 3600.0)
    assert first.samples.tolist() == [14_640, NO_SAMPLE, -1_000_000]
    assert first.microvolts()[0] == pytest.approx(14.640)
    for data, count in (("1,2", 3), ("1,x", 2), ("1e9", 1)):
        with pytest.raises(DamagedStill):
            read_still(file(piece("00:00:00", data, count)))
    with pytest.raises(UnsupportedStill):
        read_still(file(piece("00:00:00", "1", 1).replace("'mV'", "'mmHg'")))


def test_documents() -> None:
    pdf = b"%PDF-1.4\n1 0 obj <</Type /Pages>>\n2 0 obj <</Type /Page>>\n%%EOF\n"
    assert read_still(pdf) == StillDocument(
        format=Format.PDF, media_type="application/pdf", pages=1
    )
    pages = read_still(samples.tiff(3))
    assert pages == StillDocument(format=Format.TIFF, media_type="image/tiff", pages=3)
    circle = bytearray(samples.tiff(2))
    circle[-4:] = struct.pack("<I", 8)
    for broken in (pdf[:-6], bytes(circle), samples.tiff(3)[:-1], b"II*\0\0\0\0\0"):
        with pytest.raises(DamagedStill):
            read_still(broken)


@pytest.mark.parametrize("content", [b"", b"hello", b"time_s,I\n0,1\n", b"\0" * 500, b"<svg/>"])
def test_other_files_are_left_alone(content: bytes) -> None:
    with pytest.raises(UnknownFormat):
        read_still(content)


def test_too_large_is_refused_before_reading() -> None:
    with pytest.raises(TooLarge):
        read_still(bytes(LARGEST_FILE_BYTES + 1))


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><RestingECG>&y;</RestingECG>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><RestingECG>&x;</RestingECG>',
        b"<RestingECG>",
        b"<a></b>",
        b'<?xml version="1.0" encoding="no-such"?><RestingECG/>',
        b"<RestingECG/>",
        b"<AnnotatedECG/>",
        b"<ECGRecord/>",
        b"<restingecgdata/>",
    ],
)
def test_hostile_and_hollow_xml(content: bytes) -> None:
    with pytest.raises(DamagedStill):
        read_still(content)


def test_deep_xml_is_refused() -> None:
    with pytest.raises(TooLarge):
        read_still(b"<RestingECG>" * 100_000)


numbers = st.lists(st.integers(-(2**15), 2**15 - 1), min_size=2, max_size=60)


@given(numbers)
def test_huffman_round_trip(values: list[int]) -> None:
    assert huffman.decode(samples.huffman(values), len(values)).tolist() == values


@given(numbers, st.sampled_from([0, 1, 2]))
def test_differences_round_trip(values: list[int], order: int) -> None:
    stored = np.array(samples.differences(np.array(values), order))
    assert huffman.undo_differences(stored, order).tolist() == values


@given(st.binary(min_size=1, max_size=400))
def test_lzw_round_trip(data: bytes) -> None:
    assert xli.unpack(samples.lzw(data)) == data


def test_lzw_fills_its_dictionary() -> None:
    data = np.random.default_rng(2).integers(0, 4, 20_000, dtype=np.uint8).tobytes()
    assert xli.unpack(samples.lzw(data)) == data


@given(st.binary(max_size=300))
def test_any_bytes_unpack_or_are_refused(data: bytes) -> None:
    huffman.decode(data, 500)
    try:
        xli.decode(data, 2)
    except StillError:
        return


def test_derived_leads_are_exact() -> None:
    one, two = frozen([3, NO_SAMPLE, -5]), frozen([8, 1, 4])
    leads = with_derived([Lead("II", two, 5.0), Lead("I", one, 5.0), Lead("X", two, 5.0)])
    assert [lead.name for lead in leads] == ["I", "II", "III", "aVR", "aVL", "aVF", "X"]
    uv = {lead.name: lead.microvolts() for lead in leads}
    assert np.isnan(uv["III"][1])
    keep = [0, 2]
    assert np.array_equal(uv["III"][keep], (uv["II"] - uv["I"])[keep])
    assert np.array_equal(uv["aVR"][keep], (-(uv["I"] + uv["II"]) / 2)[keep])
    assert np.array_equal(uv["aVL"][keep], (uv["I"] - uv["II"] / 2)[keep])
    assert np.array_equal(uv["aVF"][keep], (uv["II"] - uv["I"] / 2)[keep])


def test_samples_cannot_be_changed_and_identity_is_not_printed() -> None:
    still = read(samples.muse(EIGHT))
    with pytest.raises(ValueError, match="read-only"):
        still.lead("I").samples[0] = 1
    assert "Testpasient" not in repr(still)
    with pytest.raises(KeyError):
        still.lead("V9")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("avr", "aVR"),
        ("MDC_ECG_LEAD_AVF", "aVF"),
        ("ECG v2", "V2"),
        ("Lead I", "I"),
        ("MLII", "MLII"),
    ],
)
def test_lead_names(written: str, expected: str) -> None:
    assert canonical(written) == expected
