"""Signals from files: CSV here, every other format through the still readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from koffert_cli.output import UserError
from koffert_cli.signals.text import Column, columns, decoded
from koffert_cli.signals.wfdb import read_record
from koffert_drivers.stills.errors import IncompleteStill, StillError
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import NO_SAMPLE, EcgStill

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TEXT_SUFFIXES = {".csv", ".txt", ".tsv"}
TIME_S = {"time_s": 1.0, "t_s": 1.0, "time": 1.0, "time_ms": 1e-3, "t_ms": 1e-3}
TIME_UNITS_S = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3}
IN_MV = {"v": 1e3, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3}  # a unit that is not told is mV
VOLTS = {"v", "mv", "uv", "µv", "μv", "nv"}
MOST_MISSING = 20  # a record of which less than a twentieth is there is none
# Half an hour of twelve leads in text is 100 MB; more belongs in another format.
LARGEST_FILE_BYTES = 400_000_000
UV_PER_MV = 1000.0
FORMATS = "CSV, WFDB, EDF, SCP-ECG, DICOM, aECG, MUSE or Philips XML"


@dataclass(frozen=True)
class Recording:
    """Leads in mV (a PPG in its own unit), NaN where nothing was taken.

    `whole` are the numbers as stored where they are whole, for packing; `filters` is what the
    device says that it did to them.
    """

    fs_hz: float
    leads: tuple[str, ...]
    values: Floats
    whole: Ints | None
    unit: str
    filters: str = ""
    title: str = ""
    pacing_spikes_s: tuple[float, ...] = ()


def read(path: Path, fs_hz: float | None) -> Recording:
    """Read a recording; raises UserError for what is none."""
    path = _header_of(path)
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UserError(f"{path.name}: larger than {LARGEST_FILE_BYTES} bytes")
        if path.suffix.lower() in TEXT_SUFFIXES:
            return _read_text(path, fs_hz)
        if path.suffix.lower() == ".hea":
            return _read_wfdb(path, fs_hz)
        return _read_still(path, fs_hz)
    except OSError as error:
        raise UserError(f"{path.name}: {error.strerror or error}") from error


def _header_of(path: Path) -> Path:
    """Return the header where a WFDB record or its signal file is named."""
    header = path.with_name(path.name + ".hea")
    if not path.exists() and header.exists():
        return header
    header = path.with_suffix(".hea")
    return header if path.suffix.lower() == ".dat" and header.exists() else path


def _read_wfdb(path: Path, fs_hz: float | None) -> Recording:
    """Read a record whose signals are not all in volts, or a still, which holds the ECG alone."""
    try:
        record = read_record(path)
    except UserError:
        return _read_still(path, fs_hz)
    if all(signal.unit.lower() in VOLTS for signal in record.signals):
        return _read_still(path, fs_hz)
    return Recording(
        fs_hz=fs_hz or record.fs_hz,
        leads=tuple(signal.name for signal in record.signals),
        values=record.values(),
        whole=record.samples,
        unit="as stored",
        title=path.name,
    )


def _read_still(path: Path, fs_hz: float | None) -> Recording:
    content = path.read_bytes()
    try:
        try:
            still = read_still(content)
        except IncompleteStill as missing:
            parts = {name: path.with_name(Path(name).name) for name in missing.missing}
            absent = [name for name, part in parts.items() if not part.is_file()]
            if absent:
                raise UserError(f"{path.name}: {', '.join(absent)} is not beside it") from missing
            still = read_still(content, {name: part.read_bytes() for name, part in parts.items()})
    except StillError as error:
        raise UserError(f"{path.name}: {error}", next_step=f"give {FORMATS}") from error
    if not isinstance(still, EcgStill):
        raise UserError(f"{path.name}: a page, not samples", next_step=f"give {FORMATS}")
    return _from_still(still, fs_hz, path.name)


def _from_still(still: EcgStill, fs_hz: float | None, title: str) -> Recording:
    length = max(lead.samples.size for lead in still.leads)
    taken, first = [], set[str]()
    for lead in still.leads:
        if lead.name not in first and lead.samples.size == length:
            taken.append(lead)
            first.add(lead.name)
    whole = np.stack([lead.samples for lead in taken]).astype(np.int64)
    said = still.filters
    parts = [
        f"{said.high_pass_hz:g}-" if said.high_pass_hz is not None else "",
        f"{said.low_pass_hz:g} Hz" if said.low_pass_hz is not None else "",
        f" notch {said.notch_hz:g} Hz" if said.notch_hz is not None else "",
    ]
    return Recording(
        fs_hz=fs_hz or still.rate_hz,
        leads=tuple(lead.name for lead in taken),
        values=np.stack([lead.microvolts() for lead in taken]) / UV_PER_MV,
        whole=None if np.any(whole == NO_SAMPLE) else whole,
        unit="mV",
        filters="".join(parts).strip(),
        title=title,
        pacing_spikes_s=still.pacing_spikes_s,
    )


def _read_text(path: Path, fs_hz: float | None) -> Recording:
    text = decoded(path.read_bytes())
    if text is None:
        raise UserError(f"{path.name}: not text", next_step=f"give {FORMATS}")
    return _from_columns(path, columns(path, text), fs_hz)


def _from_columns(path: Path, table: list[Column], fs_hz: float | None) -> Recording:
    values = np.stack([column.values for column in table])
    scale = _time_scale(table[0])
    if scale is not None and len(table) > 1:
        time_s, table, values = values[0] * scale, table[1:], values[1:]
        if fs_hz is None:
            fs_hz = _rate_of(path, time_s)
            values = _with_missing_rows(path, values, time_s, fs_hz)
    if fs_hz is None:
        raise UserError(f"{path.name}: no time column", next_step="give the rate with --fs HZ")
    whole = values.astype(np.int64) if _all_whole(values) else None
    scales = np.array([IN_MV.get(column.unit, 1.0) for column in table])
    names = tuple(column.name for column in table)
    return Recording(fs_hz, names, values * scales[:, None], whole, "mV", title=path.name)


def _time_scale(column: Column) -> float | None:
    """Return what one unit of a time column is in s; None where it is none."""
    scale = TIME_S.get(column.name.lower())
    return scale if scale is None or not column.unit else TIME_UNITS_S.get(column.unit)


def _with_missing_rows(path: Path, values: Floats, time_s: Floats, fs_hz: float) -> Floats:
    """Put gaps where the times leap over samples: what was lost must not shorten an interval."""
    steps_s = np.diff(time_s)
    coarse_s = float(np.median(steps_s[steps_s > 0]))  # times written with two digits stand still
    if steps_s.max() < 1.5 * max(coarse_s, 1 / fs_hz):
        return values
    at = np.rint((time_s - time_s[0]) * fs_hz).astype(np.int64)
    if np.any(np.diff(at) < 1):  # a clock that trembles: what is nearly due is due
        away = np.rint(steps_s * fs_hz)
        at = np.cumsum(np.append(0, np.where(away < 3, 1, away))).astype(np.int64)
    if at[-1] > MOST_MISSING * at.size:
        raise UserError(f"{path.name}: hardly any samples for its time")
    spread = np.full((len(values), int(at[-1]) + 1), np.nan)
    spread[:, at] = values
    return spread


def _rate_of(path: Path, time_s: Floats) -> float:
    steps = np.diff(time_s)
    if not steps.size or not np.all(np.isfinite(steps)) or time_s[-1] <= time_s[0]:
        raise UserError(f"{path.name}: time does not rise", next_step="give the rate with --fs HZ")
    middle = float(np.median(steps))
    if middle <= 0:  # times written with too few digits: the whole span still tells
        return round(steps.size / float(time_s[-1] - time_s[0]), 3)
    # Written with three or four digits, single steps are rough; many are not, lost rows left out.
    even = steps if steps.max() < 1.7 * middle else steps[np.abs(steps - middle) < 0.5 * middle]
    exact = 1 / float(even.mean())
    return round(exact, 3) if abs(exact * middle - 1) < 0.05 else round(1 / middle, 3)


def _all_whole(values: Floats) -> bool:
    return bool(
        np.all(np.abs(np.nan_to_num(values, nan=0.5)) < 2**53) and np.all(values == np.rint(values))
    )
