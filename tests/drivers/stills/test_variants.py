"""Legal files that no sample shows: other packings, units, ranges and orders of the same still."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest

from koffert_drivers.stills.errors import DamagedStill, UnsupportedStill
from koffert_drivers.stills.leads import Wide
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import NO_SAMPLE, EcgStill
from tests.drivers.stills import samples

EIGHT = samples.beats(8)
ONE, TWO = EIGHT[:2]


def read(content: bytes, companions: dict[str, bytes] | None = None) -> EcgStill:
    still = read_still(content, companions or {})
    assert isinstance(still, EcgStill)
    return still


def scp(
    leads: Sequence[bytes],
    *,
    size: int,
    starts: Sequence[int] = (1, 1),
    tables: bytes = struct.pack("<H", 19_999),
    beats: bytes | None = None,
    reference: bytes = b"",
    measures: bytes = b"",
) -> bytes:
    """Leads I and II at 500 Hz in 5 µV: residuals, if `beats` (section 4) and `reference` (5) are given."""
    places = b"".join(
        struct.pack("<IIB", start, start + size - 1, number)
        for start, number in zip(starts, (1, 2), strict=True)
    )
    flags = 0x14 if beats is None else 0x15
    lengths = struct.pack("<HH", *map(len, leads))
    parts = {
        2: tables,
        3: bytes([2, flags]) + places,
        6: struct.pack("<HHBB", 5000, 2000, 2, 0) + lengths + b"".join(leads),
    }
    if beats is not None:
        parts |= {4: beats, 5: reference}
    if measures:
        parts[7] = measures
    return samples.record({n: samples.section(n, data) for n, data in sorted(parts.items())})


def packed(values: Wide) -> bytes:
    return samples.huffman(samples.differences(values, 2))


@pytest.mark.parametrize(("promised", "told"), [(3, (0.25, 1.0, 61.5)), (200, ())])
def test_scp_pacing_spikes_stand_behind_the_beats(promised: int, told: tuple[float, ...]) -> None:
    values = np.arange(200) % 50
    beats = struct.pack("<5H3h", 10, 60, 100, 200, 500, 1, 2, 3) * 2
    spikes = b"".join(struct.pack("<Hh", time_ms, -900) for time_ms in (250, 1000, 61_500))
    measures = struct.pack("<BBHH", 2, promised, 800, 800) + beats + spikes + b"\0" * 18
    still = read(scp([packed(values)] * 2, size=200, measures=measures))
    assert still.pacing_spikes_s == told
    assert still.measurements.qt_ms == 400


def test_scp_reference_beats_in_a_finer_unit_and_second_differences() -> None:
    beat = np.rint(200 * np.sin(np.arange(100) / 16)).astype(np.int64)
    kinds, fiducial = (0, 1, 0), 40
    where = [(kind, at, at + 39, at + 99) for kind, at in zip(kinds, (11, 211, 411), strict=True)]
    section_4 = struct.pack("<HHH", 200, fiducial, 3) + b"".join(
        struct.pack("<HIII", *one) for one in where
    )
    size = struct.pack("<HH", *2 * [len(packed(beat))])
    section_5 = struct.pack("<HHBB", 2500, 2000, 2, 0) + size + 2 * packed(beat)
    content = scp([packed(ONE), packed(TWO)], size=600, beats=section_4, reference=section_5)
    still = read(content)
    for lead, residual in zip(("I", "II"), (ONE, TWO), strict=True):
        whole = 2 * residual.copy()
        for first in (10, 410):
            whole[first : first + 100] += beat
        assert still.lead(lead).gain_uv == 2.5
        assert np.array_equal(still.lead(lead).samples, whole)


def test_scp_leads_that_were_recorded_in_turns() -> None:
    beat = np.arange(50, dtype=np.int64)
    section_4 = struct.pack("<HHH", 100, 1, 1) + struct.pack("<HIII", 0, 611, 611, 660)
    sizes = struct.pack("<HH", *2 * [len(packed(beat))])
    section_5 = struct.pack("<HHBB", 5000, 2000, 2, 0) + sizes + 2 * packed(beat)
    leads = [packed(ONE), packed(TWO)]
    content = scp(leads, size=600, starts=(1, 601), beats=section_4, reference=section_5)
    still = read(content)
    assert [(lead.name, lead.start_s) for lead in still.leads] == [("I", 0.0), ("II", 1.2)]
    later = TWO.copy()
    later[10:60] += beat
    assert np.array_equal(still.lead("I").samples, ONE)
    assert np.array_equal(still.lead("II").samples, later)


def huffman_tables(*tables: Sequence[tuple[int, int, int, int, str]]) -> bytes:
    """Section 2: each code as prefix bits, bits in all, mode, value and its bits as they come."""
    found = struct.pack("<H", len(tables))
    for table in tables:
        found += struct.pack("<H", len(table))
        for prefix, whole, mode, value, bits in table:
            found += struct.pack("<BBBhI", prefix, whole, mode, value, int(bits[::-1], 2))
    return found


def test_scp_with_the_default_table_written_out() -> None:
    table = [(1, 1, 1, 0, "0")]
    for size in range(1, 9):
        for value, sign in ((size, "0"), (-size, "1")):
            table.append((size + 2, size + 2, 1, value, "1" * size + "0" + sign))
    table += [(10, 18, 1, 0, "1" * 9 + "0"), (10, 26, 1, 0, "1" * 10)]
    content = scp([packed(ONE), packed(TWO)], size=600, tables=huffman_tables(table))
    assert np.array_equal(read(content).lead("I").samples, ONE)
    assert np.array_equal(read(content).lead("II").samples, TWO)


def test_scp_with_two_tables_of_its_own() -> None:
    first = [(1, 1, 1, 0, "0"), (2, 10, 1, 0, "10"), (2, 2, 0, 2, "11")]
    second = [(1, 1, 1, 7, "1"), (2, 2, 0, 1, "01")]
    # 5, -3, on to the second table, 7, 7, back, 0, 0: read as second differences.
    bits = "10" + "00000101" + "10" + "11111101" + "11" + "1" + "1" + "01" + "0" + "0"
    data = int(bits.ljust(40, "0"), 2).to_bytes(5, "big")
    content = scp([data, data], size=6, tables=huffman_tables(first, second))
    assert read(content).lead("I").samples.tolist() == [5, -3, -4, 2, 8, 14]


@pytest.mark.parametrize(
    "tables",
    [
        huffman_tables([(0, 0, 1, 0, "0")]),
        huffman_tables([(1, 1, 0, 9, "1")]),  # to a table that is not there
        huffman_tables([(3, 3, 1, 1, "111")]),  # no code for what comes
        struct.pack("<HH", 1, 0),
        struct.pack("<HH", 1, 5),
    ],
)
def test_scp_with_broken_tables(tables: bytes) -> None:
    with pytest.raises(DamagedStill):
        read_still(scp([b"\x55" * 20] * 2, size=100, tables=tables))


def wfdb(lines: Sequence[str], files: dict[str, bytes], frames: int = 4) -> EcgStill:
    header = "\n".join([f"rec {len(lines)} 250 {frames}", *lines, "# <age>: 74  <sex>: F"]) + "\n"
    return read(header.encode(), files)


A, B = np.array([1, -2, 127, -127]), np.array([0, 5, -6, 100])
BOTH = np.stack([A, B], axis=1).reshape(-1)


def ten_bits(number_format: int) -> bytes:
    """Three numbers in four bytes, as the WFDB manual's signal(5) tells."""
    padded = [int(n) & 0x3FF for n in [*BOTH, 0]]
    packed = b""
    for at in range(0, 9, 3):
        one, two, three = padded[at : at + 3]
        if number_format == 310:
            words = (one << 1 | (three & 0x1F) << 11, two << 1 | three >> 5 << 11)
            packed += struct.pack("<HH", *words)
        else:
            packed += struct.pack("<I", one | two << 10 | three << 20)
    return packed


@pytest.mark.parametrize(
    ("number_format", "data"),
    [
        (61, BOTH.astype(">i2").tobytes()),
        (160, (BOTH + 2**15).astype("<u2").tobytes()),
        (310, ten_bits(310)),
        (311, ten_bits(311)),
        (
            8,
            np.stack([np.diff(A, prepend=0), np.diff(B, prepend=4)], axis=1)
            .astype(np.int8)
            .tobytes(),
        ),
    ],
)
def test_wfdb_formats_of_other_recorders(number_format: int, data: bytes) -> None:
    if number_format == 8:  # differences of a byte cannot leap as far
        a = np.array([1, -2, 120, 20])
        steps = np.stack([np.diff(a, prepend=0), np.diff(B, prepend=4)], axis=1)
        data = steps.astype(np.int8).tobytes()
    else:
        a = A
    lines = [
        f"r.dat {number_format} 200(0)/mV 10 0 {first} {total} 0 {name}"
        for name, first, total in (("a", 0, int(a.sum())), ("b", 4, 99))
    ]
    still = wfdb(lines, {"r.dat": data})
    assert [lead.samples.tolist() for lead in still.leads] == [a.tolist(), B.tolist()]


def test_wfdb_beside_other_signals_with_a_prolog_and_skew() -> None:
    table = np.stack([A, B, B, A], axis=1).astype("<i2").tobytes()
    lines = [
        "r.mat 16+24 1000(3)/mV 16 0 1 -1 0 II",
        "r.mat 16:1+24 1/uV 16 0 0 99 0 V1",
        "r.mat 16+24 10/mmHg 16 0 0 99 0 ABP",
        "r.mat 16+24 100/NU",
    ]
    still = wfdb(lines, {"r.mat": bytes(24) + table})
    assert [lead.name for lead in still.leads] == ["II", "V1"]
    assert still.lead("II").microvolts().tolist() == [-2, -5, 124, -130]
    assert still.lead("V1").samples.tolist() == [5, -6, 100, NO_SAMPLE]
    assert still.patient.age_y == 74
    with pytest.raises(UnsupportedStill, match="volts"):
        wfdb(["r.dat 16 10/mmHg 16 0 0 0 0 ABP"], {"r.dat": bytes(8)})


def test_wfdb_with_several_samples_in_a_frame() -> None:
    table = np.concatenate([A.reshape(2, 2), B.reshape(2, 2), [[7], [8]]], axis=1)
    lines = ["r.dat 16x2 200 12 0 1 -1 0 I", "r.dat 16x2 200 12 0 0 99 0 V1", "r.dat 16 1/bpm"]
    still = wfdb(lines, {"r.dat": table.astype("<i2").tobytes()}, frames=2)
    assert [lead.samples.tolist() for lead in still.leads] == [A.tolist(), B.tolist()]
    assert still.rate_hz == 500.0
    lines[1] = "r.dat 16 200 12 0 0 99 0 V1"
    with pytest.raises(UnsupportedStill, match="rates"):
        wfdb(lines, {"r.dat": table.astype("<i2").tobytes()}, frames=2)


def edf(signals: Sequence[tuple[str, str, str, str, int, int, Wide]]) -> EcgStill:
    """One data record of one second: label, unit, physical and digital limits, samples."""
    head = f"{'0':<8}{'X X X X':<80}{'Startdate X X X X':<80}04.03.2605.06.07"
    head += f"{256 * (len(signals) + 1):<8}{'EDF+C':<44}{1:<8}{1:<8}{len(signals):<4}"
    columns = [
        [f"{label:<16}" for label, *_ in signals],
        [" " * 80 for _ in signals],
        *([f"{signal[place]:<8}" for signal in signals] for place in range(1, 6)),
        [" " * 80 for _ in signals],
        [f"{signal[6].size:<8}" for signal in signals],
        [" " * 32 for _ in signals],
    ]
    data = b"".join(signal[6].astype("<i2").tobytes() for signal in signals)
    return read((head + "".join(map("".join, columns))).encode("latin-1") + data)


TAL = np.frombuffer(b"+0\x14\x14\0" + bytes(45), dtype="<i2").astype(np.int64)


@pytest.mark.parametrize(
    ("unit", "low", "high", "bottom", "top", "each_mv", "zero_mv"),
    [
        ("mV", "-5", "5", 0, 4095, 10 / 4095, -5.0),  # zero lies between two numbers
        ("mV", "-5", "5", -32768, 32767, 10 / 65535, 5 / 65535),
        ("uV", "3276.7", "-3276.8", -32768, 32767, -1e-4, -1e-4),  # upside down
        ("V", "-0.01", "0.01", -2000, 2000, 5e-3, 0.0),
        ("nV", "-9999999", "9999999", -32768, 32767, 2 * 9.999999 / 65535, 9.999999 / 65535),
        ("mV", "0", "10.03", 1000, 2003, 0.01, -10.0),  # 0 V is no number of the range
        ("mV", "5", "-5", 2047, -2048, 10 / 4095, 5 - 2047 * 10 / 4095),  # both turned round
    ],
)
def test_edf_scales(
    *, unit: str, low: str, high: str, bottom: int, top: int, each_mv: float, zero_mv: float
) -> None:
    stored = np.array([bottom, 0, 1, 1500, top], dtype=np.int64)
    still = edf(
        [
            ("ECG II", unit, low, high, bottom, top, stored),
            ("EDF Annotations", "", "-1", "1", -32768, 32767, TAL),
            ("SpO2", "%", "0", "100", 0, 100, stored[:1]),
            ("EEG Fpz-Cz", "uV", "-200", "200", -2048, 2047, np.arange(9)),
        ]
    )
    assert [lead.name for lead in still.leads] == ["II"]
    millivolts = still.lead("II").microvolts() / 1000
    assert millivolts == pytest.approx(stored * each_mv + zero_mv, abs=1e-5)
    assert millivolts[0] == pytest.approx(
        float(low) * {"mV": 1, "uV": 1e-3, "V": 1e3, "nV": 1e-6}[unit], abs=1e-5
    )


def aecg(*sets: str) -> EcgStill:
    content = "".join(f"<component><sequenceSet>{one}</sequenceSet></component>" for one in sets)
    return read(
        f'<AnnotatedECG xmlns="urn:hl7-org:v3"><component><series>{content}</series></component>'
        "</AnnotatedECG>".encode()
    )


def times(head: str = "20260304050607.000", step: str = '"0.002" unit="s"') -> str:
    return (
        '<component><sequence><code code="TIME_ABSOLUTE"/><value>'
        f'<head value="{head}"/><increment value={step}/></value></sequence></component>'
    )


def sequence(lead: str, scale: str, origin: str = '"0" unit="uV"') -> str:
    return (
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead}"/><value><origin value={origin}/>'
        f"<scale value={scale}/><digits>1 -2\n 400</digits></value></sequence></component>"
    )


@pytest.mark.parametrize(
    ("scale", "origin", "zero_uv"),
    [
        ('"2.5" unit="uV"', '"0" unit="uV"', 0.0),
        ('"0.0025" unit="mV"', '"1" unit="mV"', 1000.0),
        ('"2500" unit="nV"', '"0.0005" unit="V"', 500.0),
        ('"2.5E-6" unit="V"', '"-1.0" unit="uV"', -1.0),
        ('"2.5" unit="uV"', '"1.25" unit="uV"', 1.25),
    ],
)
def test_aecg_scales(scale: str, origin: str, zero_uv: float) -> None:
    still = aecg(times() + sequence("V1", scale, origin))
    expected = np.array([1, -2, 400]) * 2.5 + zero_uv
    assert still.lead("V1").microvolts() == pytest.approx(expected, abs=1e-3)
    assert still.rate_hz == 500.0


def test_aecg_leads_that_were_recorded_in_turns() -> None:
    scale = '"5" unit="uV"'
    later = times("20260304050609.500", '"2" unit="ms"')
    still = aecg(times() + sequence("I", scale), later + sequence("V1", scale))
    assert [(lead.name, lead.start_s) for lead in still.leads] == [("I", 0.0), ("V1", 2.5)]
    with pytest.raises(UnsupportedStill, match="rates"):
        aecg(times() + sequence("I", scale), times(step='"1" unit="ms"') + sequence("V1", scale))
    with pytest.raises(DamagedStill, match="volts"):
        aecg(times() + sequence("I", '"5" unit="mmHg"'))


@pytest.mark.parametrize("digits", ["9" * 5000, "1" * 400])
def test_numbers_that_no_header_has(digits: str) -> None:
    for line in (f"r.dat 16x{digits} 200", f"r.dat 16 200({digits}) 12", f"r.dat 16+{digits} 200"):
        with pytest.raises((DamagedStill, UnsupportedStill)):
            wfdb([line], {"r.dat": bytes(8)})
    for scale in ('"1e-320" unit="uV"', f'"{digits}" unit="V"', '"1e-9" unit="nV"'):
        with pytest.raises(DamagedStill):
            aecg(times() + sequence("V1", scale, '"1" unit="V"'))
