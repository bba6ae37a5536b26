"""Every difficulty of the family, with seeds that no constant was chosen on."""

from __future__ import annotations

import numpy as np
import pytest

from koffert_signal.ecg import qrs
from tests.signal.ecg_family import FAMILY, member
from tests.signal.synthetic import score

# What looks like a beat in every band is taken for one: by each library that was measured, too.
HARD = {"baseline jumps": 0.93, "spikes": 0.93, "electrode off": 0.90}
LEAST_F1 = 0.97


@pytest.mark.parametrize("name", FAMILY)
def test_beats_are_found_whatever_the_difficulty(name: str) -> None:
    record = member(name, seed=101)
    found = qrs.detect(record.x, record.fs_hz)
    assert score(record.beats, found, record.fs_hz).f1 >= HARD.get(name, LEAST_F1)


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 1000.0])
def test_at_every_rate(fs_hz: float) -> None:
    for name in ("very fast", "wide ectopics", "fibrillation", "paced", "motion", "low voltage"):
        record = member(name, fs_hz=fs_hz, duration_s=60, seed=102)
        assert score(record.beats, qrs.detect(record.x, fs_hz), fs_hz).f1 >= LEAST_F1, name


def test_a_record_that_begins_or_ends_in_a_pause_has_no_beats_there() -> None:
    record = member("slow", duration_s=40, seed=103)
    random = np.random.default_rng(4)
    quiet = 0.015 * random.standard_normal(round(1.0 * record.fs_hz))
    x = np.concatenate([quiet, record.x, quiet])
    found = qrs.detect(x, record.fs_hz) - quiet.size
    assert score(record.beats, found, record.fs_hz).invented == 0
