"""Intervals of the median beat, and electrodes in the wrong place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import EcgStill
from koffert_signal.ecg import qrs
from koffert_signal.ecg.electrodes import arms_swapped, leads_off
from koffert_signal.ecg.morphology import NONE_MEASURED, intervals
from koffert_signal.ecg.quality import quality
from tests.signal.synthetic import ecg, twelve_leads

NAMES = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.mark.parametrize("fs_hz", [250.0, 500.0, 1000.0])
@pytest.mark.parametrize("gain", [0.001, 1.0, 1000.0])
def test_intervals_of_a_known_beat(fs_hz: float, gain: float) -> None:
    record = ecg(fs_hz=fs_hz, duration_s=10, rate_bpm=60, irregular=0.0, noise_mv=0.002)
    found = intervals(gain * record.x, record.beats, fs_hz)
    # P begins 2 sigma before -0.18 s, the QRS spans -0.05 to 0.06 s, T ends 2 sigma after 0.26 s.
    assert found.pr_ms == pytest.approx(0.18e3 + 44 - 50, abs=15)
    assert found.qrs_ms == pytest.approx(105, abs=20)
    assert found.qt_ms == pytest.approx(50 + 260 + 90, abs=20)
    assert found.qtc_bazett_ms == pytest.approx(found.qt_ms, abs=4)
    assert found.confidence > 0.9


def test_both_corrections_are_as_defined() -> None:
    record = ecg(fs_hz=500, duration_s=10, rate_bpm=90, irregular=0.0, noise_mv=0.002)
    found = intervals(record.x, record.beats, 500)
    assert found.qt_ms is not None
    rr_s = 60 / 90
    assert found.qtc_bazett_ms == pytest.approx(found.qt_ms / rr_s**0.5, abs=2)
    assert found.qtc_fridericia_ms == pytest.approx(found.qt_ms / rr_s ** (1 / 3), abs=2)


def test_noise_is_not_measured() -> None:
    noise = np.random.default_rng(1).standard_normal(5000)
    assert intervals(noise, np.arange(400, 4800, 400), 500) == NONE_MEASURED
    assert intervals(np.zeros((2, 5000)), [], 500) == NONE_MEASURED
    assert intervals(np.zeros((2, 5000)), [400, 900, 1400, 1900], 500) == NONE_MEASURED


def test_swapped_arms_are_seen() -> None:
    leads = twelve_leads()
    beats = qrs.detect(leads[1], 500)
    swapped = leads.copy()
    swapped[0] = -leads[0]
    swapped[[1, 2]] = leads[[2, 1]]
    swapped[[3, 4]] = leads[[4, 3]]
    assert arms_swapped(NAMES, leads, beats, 500) is False
    assert arms_swapped(NAMES, swapped, beats, 500) is True
    assert arms_swapped(NAMES[1:], leads[1:], beats, 500) is None


@pytest.mark.parametrize("file", ["triplet/Example.scp", "scp_refbeat/test.scp"])
def test_swapped_arms_are_seen_on_a_cart_s_ecg(shared: Path, file: str) -> None:
    """The second has its T wave in I upside down by itself."""
    still = read_still((shared / "data" / "ecg" / file).read_bytes(), {})
    assert isinstance(still, EcgStill)
    leads = {lead.name: lead.microvolts() for lead in still.leads}
    beats = qrs.detect(leads["V1"], still.rate_hz)
    assert arms_swapped(tuple(leads), np.stack(list(leads.values())), beats, still.rate_hz) is False
    leads["I"] = -leads["I"]
    assert arms_swapped(tuple(leads), np.stack(list(leads.values())), beats, still.rate_hz) is True


@pytest.mark.parametrize(
    ("file", "pr_ms", "qrs_ms", "qt_ms"),
    [
        ("triplet/Example.scp", 148, 120, 420),
        ("scp_refbeat/test.scp", None, 104, 446),
        ("muse_example1.xml", 138, 96, 452),
        ("philips_1_04_01.xml", 164, 102, 399),
    ],
)
def test_intervals_are_near_those_of_four_carts(
    shared: Path, file: str, pr_ms: float | None, qrs_ms: float, qt_ms: float
) -> None:
    still = read_still((shared / "data" / "ecg" / file).read_bytes(), {})
    assert isinstance(still, EcgStill)
    leads = np.stack([lead.microvolts() for lead in still.leads])
    beats = qrs.detect(still.lead("V1").microvolts(), still.rate_hz)
    found = intervals(leads, beats, still.rate_hz)
    assert found.qrs_ms == pytest.approx(qrs_ms, abs=15)
    assert found.qt_ms == pytest.approx(qt_ms, abs=20)
    if pr_ms is not None:
        assert found.pr_ms == pytest.approx(pr_ms, abs=5)


def test_a_tall_t_wave_in_a_slow_rhythm_is_no_beat(shared: Path) -> None:
    still = read_still((shared / "data" / "ecg" / "muse_example1.xml").read_bytes(), {})
    assert isinstance(still, EcgStill)
    for lead in still.leads:
        assert 7 <= qrs.detect(lead.microvolts(), still.rate_hz).size <= 9, lead.name


def test_a_lead_that_fell_off_is_named() -> None:
    leads = twelve_leads()
    leads[7] = 0.0
    leads[9, 2500:] = np.nan
    graded = [quality(lead, 500) for lead in leads]
    assert leads_off(NAMES, graded) == ("V2", "V4")
