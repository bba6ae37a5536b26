"""QRS detection against NeuroKit2's default, wfdb's XQRS and sleepecg: F1 at 150 ms, and time.

Every annotated record beside the repository is used: WFDB records with `.atr`, and the excerpts of
the noise stress test with their beats as CSV. A family of synthetic difficulties is measured beside them.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import neurokit2
import numpy as np
import numpy.typing as npt
import sleepecg
import wfdb
from wfdb.processing import XQRS

from benchmarks.report import ROOT, Baseline, Result, publish
from koffert_signal.ecg import qrs
from tests.signal.ecg_family import FAMILY, member
from tests.signal.synthetic import score

DATA = ROOT.parent / "shared" / "data" / "ecg"
BEATS = set("NLRBAaJSVrFejnE/fQ?")  # the beat codes of WFDB; the rest are rhythm and noise marks
HALF_HOUR_S = 1800
NOISY = "118e06"

Floats = npt.NDArray[np.float64]
Detector = Callable[[Floats, float], npt.ArrayLike]


class Annotated(NamedTuple):
    """A lead and its experts' beats."""

    name: str
    x: Floats
    fs_hz: float
    beats: npt.NDArray[np.int64]


def records() -> Iterator[Annotated]:
    """All annotated records, first lead of each."""
    for file in sorted(DATA.glob("*_ann.csv")):
        name = file.name.removesuffix("_ann.csv")
        x = np.loadtxt(file.with_name(f"{name}.csv"))
        yield Annotated(name, x, 360.0, np.loadtxt(file).astype(np.int64))
    for file in sorted(DATA.glob("*.atr")):
        record = wfdb.rdrecord(str(file.with_suffix("")))
        marks = wfdb.rdann(str(file.with_suffix("")), "atr")
        beats = [at for at, code in zip(marks.sample, marks.symbol, strict=True) if code in BEATS]
        yield Annotated(file.stem, record.p_signal[:, 0], float(record.fs), np.array(beats))


def xqrs(x: Floats, fs_hz: float) -> npt.ArrayLike:
    """What `xqrs_detect` does, without its print."""
    detector = XQRS(x, fs_hz)
    detector.detect(verbose=False)
    return np.asarray(detector.qrs_inds)


def neurokit(x: Floats, fs_hz: float) -> npt.ArrayLike:
    """NeuroKit2's default cleaning and peaks."""
    clean = neurokit2.ecg_clean(x, sampling_rate=int(fs_hz))
    _, found = neurokit2.ecg_peaks(clean, sampling_rate=int(fs_hz))
    return np.asarray(found["ECG_R_Peaks"])


DETECTORS: dict[str, Detector] = {
    "koffert": qrs.detect,
    "neurokit2": neurokit,
    "xqrs": xqrs,
    "sleepecg": sleepecg.detect_heartbeats,
}


def half_an_hour(record: Annotated) -> Floats:
    """The record repeated to 30 minutes."""
    samples = int(HALF_HOUR_S * record.fs_hz)
    return np.tile(record.x, -(-samples // record.x.size))[:samples]


def seconds_side_by_side(record: Annotated) -> dict[str, float]:
    """Processor seconds for half an hour, the best of seven runs in turns."""
    x = half_an_hour(record)
    times: dict[str, list[float]] = {"koffert": [], "sleepecg": []}
    for _ in range(7):
        for name, spent in times.items():
            started_s = time.process_time()
            DETECTORS[name](x, record.fs_hz)
            spent.append(time.process_time() - started_s)
    return {name: min(spent) for name, spent in times.items()}


def family_f1_pct(detect: Detector) -> list[float]:
    """F1 on one recording of each difficulty."""
    members = [member(name) for name in FAMILY]
    return [100 * score(m.beats, detect(m.x, m.fs_hz), m.fs_hz).f1 for m in members]


def main() -> None:
    """Measure, and publish `qrs`."""
    warnings.simplefilter("ignore")  # the baselines' own
    found = list(records())
    if not found:
        raise SystemExit(f"no annotated records in {Path(*DATA.parts[-3:])}")
    detail = {}
    for record in found:
        for name, detect in DETECTORS.items():
            f1 = score(record.beats, detect(record.x, record.fs_hz), record.fs_hz).f1
            detail[f"{record.name} {name} f1_pct"] = round(100 * f1, 2)
    for name, detect in DETECTORS.items():
        family = family_f1_pct(detect)
        detail[f"family {name} mean f1_pct"] = round(float(np.mean(family)), 2)
        detail[f"family {name} least f1_pct"] = round(min(family), 2)
    for record in found:
        spent_s = seconds_side_by_side(record)
        for name, value_s in spent_s.items():
            detail[f"{record.name} {name} 30_min_s"] = round(value_s, 4)
        ratio = spent_s["koffert"] / spent_s["sleepecg"]
        detail[f"{record.name} times sleepecg"] = round(ratio, 2)
    noisy = next((r.name for r in found if r.name == NOISY), found[0].name)
    rivals = {name: detail[f"{noisy} {name} f1_pct"] for name in DETECTORS if name != "koffert"}
    best = max(rivals, key=rivals.__getitem__)
    value = detail[f"{noisy} koffert f1_pct"]
    baseline = Baseline(f"{best}, the best of three on {noisy}", rivals[best])
    publish(
        Result(
            name="qrs",
            value=value,
            unit=f"% F1 on {noisy}",
            baseline=baseline,
            ratio=round(value / baseline.value, 3),
            detail=detail,
        )
    )


if __name__ == "__main__":
    main()
