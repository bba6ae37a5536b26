"""One 10-s still of 12 leads at 500 Hz on one core: filter, quality, measurements, packing."""

import time

import numpy as np

from benchmarks.report import Baseline, Result, publish
from koffert_signal import mains
from koffert_signal.codec import pack
from koffert_signal.ecg import qrs
from koffert_signal.ecg.electrodes import arms_swapped, leads_off
from koffert_signal.ecg.morphology import intervals
from koffert_signal.ecg.quality import quality
from koffert_signal.ecg.rhythm import rhythm
from koffert_signal.filters import ECG_DIAGNOSTIC, zero_phase
from tests.signal.synthetic import twelve_leads

NAMES = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
FS_HZ = 500.0
TARGET_MS = 60.0
STEPS_PER_MV = 400
RUNS = 15


def main() -> None:
    """Measure, and publish `still`."""
    leads = twelve_leads()
    whole = np.rint(leads * STEPS_PER_MV).astype(np.int64)
    runs = [_one(leads, whole) for _ in range(RUNS)]
    parts = {name: round(min(run[name] for run in runs), 2) for name in runs[0]}
    value = round(min(sum(run.values()) for run in runs), 1)
    publish(
        Result(
            name="still",
            value=value,
            unit="ms of one core",
            baseline=Baseline("what was asked for", TARGET_MS),
            ratio=round(value / TARGET_MS, 3),
            detail={f"{name}_ms": spent for name, spent in parts.items()},
        )
    )


def _one(leads: np.ndarray, whole: np.ndarray) -> dict[str, float]:
    marks = [time.process_time()]
    zero_phase(ECG_DIAGNOSTIC, mains.remove(leads, FS_HZ), FS_HZ)
    marks.append(time.process_time())
    beats = qrs.detect(leads[1], FS_HZ)
    graded = [quality(lead, FS_HZ, beats) for lead in leads]
    marks.append(time.process_time())
    rhythm(beats, FS_HZ)
    intervals(leads, beats, FS_HZ)
    leads_off(NAMES, graded)
    arms_swapped(NAMES, leads, beats, FS_HZ)
    marks.append(time.process_time())
    pack(whole)
    marks.append(time.process_time())
    spent = 1000 * np.diff(marks)
    return dict(zip(("filter", "quality", "measure", "pack"), spent.tolist(), strict=True))


if __name__ == "__main__":
    main()
