"""PPG beats against NeuroKit2 (Elgendi) and HeartPy, the truth being the ECG beside the PPG."""

import time
import warnings
from collections.abc import Callable

import heartpy
import neurokit2
import numpy as np
import numpy.typing as npt

from benchmarks.report import ROOT, Baseline, Result, publish
from koffert_signal.ecg import qrs
from koffert_signal.ppg import beats
from koffert_signal.ppg.quality import quality
from tests.signal.ppg_family import FAMILY, member
from tests.signal.synthetic import ppg as synthetic_ppg
from tests.signal.synthetic import score

FILE = ROOT.parent / "shared" / "data" / "ppg" / "neurokit_bio_resting_5min_100hz.csv"
FS_HZ = 100
LIVE_HZ = 75
LIVE_S = 600

Floats = npt.NDArray[np.float64]


def elgendi(x: Floats) -> npt.ArrayLike:
    """NeuroKit2's default cleaning and peaks."""
    clean = neurokit2.ppg_clean(x, sampling_rate=FS_HZ)
    return np.asarray(neurokit2.ppg_findpeaks(clean, sampling_rate=FS_HZ)["PPG_Peaks"])


def heartpy_accepted(x: Floats) -> npt.ArrayLike:
    """HeartPy's peaks, without those that it rejects itself."""
    working, _ = heartpy.process(x - x.min(), FS_HZ)
    kept = zip(working["peaklist"], working["binary_peaklist"], strict=True)
    return np.array([peak for peak, good in kept if good])


DETECTORS: dict[str, Callable[[Floats], npt.ArrayLike]] = {
    "koffert": lambda x: beats.detect(x, FS_HZ),
    "neurokit2": elgendi,
    "heartpy": heartpy_accepted,
}


def pulses_due(ecg: Floats, reference: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return when each heart beat's pulse is due: its R peak and the median delay to a pulse."""
    r_peaks = qrs.detect(ecg, FS_HZ)
    pulses = np.asarray(reference)
    after = np.searchsorted(pulses, r_peaks)
    known = after < pulses.size
    delay = int(np.median(pulses[after[known]] - r_peaks[known]))
    return np.asarray(r_peaks + delay)


def live_share_pct() -> float:
    """Share of one core that live beats and quality take at 75 samples a second."""
    record = synthetic_ppg(fs_hz=LIVE_HZ, duration_s=LIVE_S)
    started_s = time.process_time()
    stream = beats.stream(LIVE_HZ)
    for second in range(LIVE_S):
        stream.push(record.x[second * LIVE_HZ : (second + 1) * LIVE_HZ])
    for second in range(0, LIVE_S, 10):
        quality(record.x[second * LIVE_HZ : (second + 10) * LIVE_HZ], LIVE_HZ)
    return 100 * (time.process_time() - started_s) / LIVE_S


def family_f1_pct(detect: Callable[[Floats], npt.ArrayLike]) -> list[float]:
    """F1 on one recording of each difficulty; 0 where a detector gives up."""
    found = []
    for name in FAMILY:
        record = member(name, fs_hz=FS_HZ)
        try:
            peaks = detect(record.x)
        except (heartpy.exceptions.BadSignalWarning, ValueError):
            peaks = np.zeros(0, np.int64)
        found.append(100 * score(record.beats, peaks, FS_HZ).f1)
    return found


def main() -> None:
    """Measure, and publish `ppg`."""
    warnings.simplefilter("ignore")  # the baselines' own
    if not FILE.is_file():
        raise SystemExit("the five minutes of ECG and PPG are not beside the repository")
    recorded = np.loadtxt(FILE, delimiter=",", skiprows=1)
    ecg, ppg = recorded[:, 0], recorded[:, 1]
    found = {name: detect(ppg) for name, detect in DETECTORS.items()}
    due = pulses_due(ecg, found["neurokit2"])
    f1 = {name: round(100 * score(due, peaks, FS_HZ).f1, 2) for name, peaks in found.items()}
    best = max(("neurokit2", "heartpy"), key=f1.__getitem__)
    loose = np.random.default_rng(1).standard_normal(ppg.size)
    detail = {f"{name} f1_pct": value for name, value in f1.items()}
    detail |= {
        "quality attached": quality(ppg, FS_HZ).score,
        "quality unattached (white noise)": quality(loose, FS_HZ).score,
        "quality unattached (drift)": quality(np.cumsum(loose), FS_HZ).score,
        "quality attached, upside down": quality(-ppg, FS_HZ).score,
        "live 75 Hz share_of_core_pct": round(live_share_pct(), 3),
    }
    for name, detect in DETECTORS.items():
        family = family_f1_pct(detect)
        detail[f"family {name} mean f1_pct"] = round(float(np.mean(family)), 2)
        detail[f"family {name} least f1_pct"] = round(min(family), 2)
    publish(
        Result(
            name="ppg",
            value=f1["koffert"],
            unit="% F1",
            baseline=Baseline(best, f1[best]),
            ratio=round(f1["koffert"] / f1[best], 4),
            detail=detail,
        )
    )


if __name__ == "__main__":
    main()
