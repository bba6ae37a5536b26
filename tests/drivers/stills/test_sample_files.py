"""Files of real carts: all import, the same ECG is the same in every format, damage has a reason."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from koffert_drivers.stills.errors import StillError
from koffert_drivers.stills.leads import STANDARD_ORDER
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import EcgStill, Format, Measurements

# File -> format, rate in Hz, samples per lead.
FILES = {
    "triplet/Example.scp": (Format.SCP_ECG, 500.0, 5000),
    "triplet/Example.dcm": (Format.DICOM, 500.0, 5000),
    "triplet/Example.xml": (Format.AECG, 500.0, 5000),
    "triplet/fda_subject1_0.xml": (Format.AECG, 500.0, 5000),
    "scp_refbeat/test.scp": (Format.SCP_ECG, 500.0, 5000),
    "scp_refbeat/test.hea": (Format.WFDB, 500.0, 5000),
    "muse_example1.xml": (Format.MUSE, 500.0, 5000),
    "philips_1_04_01.xml": (Format.PHILIPS, 500.0, 5500),
    "lifepak15_codestat_excerpt_Continuous_Waveform.xml": (Format.LIFEPAK, 125.0, 5000),
    "100s.hea": (Format.WFDB, 360.0, 21_600),
    "s0010_re.hea": (Format.WFDB, 1000.0, 38_400),
    "00001_lr.hea": (Format.WFDB, 100.0, 1000),
}
TWELVE_LEADS = [name for name in FILES if not name.startswith(("lifepak", "100s"))]


@pytest.fixture(scope="session")
def folder(shared: Path) -> Path:
    return shared / "data" / "ecg"


def companions(path: Path) -> dict[str, bytes]:
    if path.suffix != ".hea":
        return {}
    return {other.name: other.read_bytes() for other in path.parent.glob(f"{path.stem}.*")}


def read(path: Path) -> EcgStill:
    still = read_still(path.read_bytes(), companions(path))
    assert isinstance(still, EcgStill)
    return still


@pytest.mark.parametrize("name", FILES)
def test_every_sample_imports(folder: Path, name: str) -> None:
    still = read(folder / name)
    assert (still.format, still.rate_hz, still.leads[0].samples.size) == FILES[name]
    assert all(lead.gain_uv > 0 for lead in still.leads)


@pytest.mark.parametrize("name", TWELVE_LEADS)
def test_limb_leads_obey_einthoven(folder: Path, name: str) -> None:
    still = read(folder / name)
    assert [lead.name for lead in still.leads[:12]] == list(STANDARD_ORDER)
    uv = {lead.name: lead.microvolts() for lead in still.leads}
    # Carts round each lead by itself: two units of the stored one.
    allowed_uv = 2 * still.lead("III").gain_uv
    differing = np.abs(uv["I"] + uv["III"] - uv["II"]) > allowed_uv
    if still.format is Format.PHILIPS:  # the calibration pulse stands on every lead alike
        assert "calibration" in still.notes[0]
        differing = differing[:5000]
    assert not differing.any()


def test_the_same_still_in_three_formats_gives_the_same_millivolts(folder: Path) -> None:
    first, *others = [
        read(folder / "triplet" / name)
        for name in ("Example.scp", "Example.dcm", "Example.xml", "fda_subject1_0.xml")
    ]
    for other in others:
        for name in STANDARD_ORDER:
            assert np.array_equal(first.lead(name).microvolts(), other.lead(name).microvolts())
        assert other.recorded_at == first.recorded_at
        assert other.patient.patient_id
        assert other.patient.birth_date == first.patient.birth_date
        assert other.patient.sex == first.patient.sex
        assert other.measurements.qt_ms == first.measurements.qt_ms == 420


def test_reference_beats_are_added_back_bit_for_bit(folder: Path) -> None:
    still = read(folder / "scp_refbeat" / "test.scp")
    target = read(folder / "scp_refbeat" / "test.hea")
    for lead in target.leads:
        ours = still.lead(lead.name)
        # The target rounds derived leads to whole units of 5 µV; ours keep the half.
        allowed_uv = 2.5 if ours.derived and lead.name != "III" else 0.0
        assert np.max(np.abs(ours.microvolts() - lead.microvolts())) <= allowed_uv, lead.name
    assert still.statements[0] == "Ectopic atrial rhythm"
    assert len(still.statements) == 6


def test_the_carts_own_numbers(folder: Path) -> None:
    assert read(folder / "muse_example1.xml").measurements == Measurements(
        heart_rate_bpm=48,
        pr_ms=138,
        qrs_ms=96,
        qt_ms=452,
        qtc_ms=403,
        p_axis_deg=51,
        qrs_axis_deg=20,
        t_axis_deg=40,
    )
    assert read(folder / "philips_1_04_01.xml").measurements == Measurements(
        heart_rate_bpm=64,
        rr_ms=938,
        pr_ms=164,
        qrs_ms=102,
        qt_ms=399,
        qtc_ms=412,
        p_axis_deg=27,
        qrs_axis_deg=22,
        t_axis_deg=80,
    )
    assert read(folder / "triplet" / "Example.dcm").measurements == Measurements(
        pr_ms=148, qrs_ms=120, qt_ms=420, qtc_ms=443, p_axis_deg=44, qrs_axis_deg=-61, t_axis_deg=86
    )


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Cut short, flip bits, take out or overwrite: what a bad stick or link does."""
    broken = bytearray(content)
    kind = dice.randrange(4)
    at = dice.randrange(dice.choice((min(len(broken), 2000), len(broken))))
    if kind == 0:
        del broken[at:]
    elif kind == 1:
        broken[at] ^= 1 << dice.randrange(8)
    elif kind == 2:
        del broken[at : at + dice.randrange(1, 50)]
    else:
        broken[at : at + 4] = dice.randbytes(4)
    return bytes(broken)


@pytest.mark.parametrize("name", FILES)
def test_damage_is_a_typed_error_or_does_not_reach_the_reader(folder: Path, name: str) -> None:
    content, beside = (folder / name).read_bytes(), companions(folder / name)
    dice = random.Random(name)  # noqa: S311 - the same damage on every run
    for _ in range(25):
        try:
            still = read_still(damaged(content, dice), beside)
        except StillError:
            continue
        assert isinstance(still, EcgStill)
        assert still.leads


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_in_half_is_refused(folder: Path, name: str) -> None:
    """Of a WFDB record the signal file is cut: half a header may still be a whole one."""
    path = folder / name
    content, beside = path.read_bytes(), companions(path)
    halves = {other: data[: len(data) // 2] for other, data in beside.items()}
    with pytest.raises(StillError):
        read_still(content if beside else content[: len(content) // 2], halves)
