"""Signals from files: CSV here, every other format through the still readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from koffert_cli.output import UserError
from koffert_cli.signals.wfdb import read_record
from koffert_drivers.stills.errors import IncompleteStill, StillError, UnsupportedStill
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import NO_SAMPLE, EcgStill

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TEXT_SUFFIXES = {".csv", ".txt", ".tsv"}
TIME_S = {"time_s": 1.0, "t_s": 1.0, "time": 1.0, "time_ms": 1e-3, "t_ms": 1e-3}
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
    """Read a still, or a record whose signals are not all in volts."""
    try:
        return _read_still(path, fs_hz)
    except UserError as error:
        if not isinstance(error.__cause__, UnsupportedStill):
            raise
    record = read_record(path)
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
    )


def _read_text(path: Path, fs_hz: float | None) -> Recording:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name}: not text", next_step=f"give {FORMATS}") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise UserError(f"{path.name}: holds no samples")
    delimiter = next((mark for mark in ";\t," if mark in lines[0]), ",")
    names = [name.strip().strip('"') for name in lines[0].split(delimiter)]
    headed = any(_is_word(name) for name in names)
    table = _table(path, lines[1 if headed else 0 :], delimiter, len(names))
    if not headed:
        names = ["signal"] if len(names) == 1 else [f"lead{n}" for n in range(1, len(names) + 1)]
    return _from_table(path, names, table, fs_hz)


def _table(path: Path, lines: list[str], delimiter: str, columns: int) -> Floats:
    if not lines:
        raise UserError(f"{path.name}: holds no samples")
    if delimiter != ",":
        lines = [line.replace(",", ".") for line in lines]  # a decimal comma, as Norway writes
    try:
        table = np.loadtxt(lines, delimiter=delimiter, ndmin=2, comments=None)
    except ValueError:
        table = _with_gaps(path, lines, delimiter)
    if table.shape[1] != columns:
        raise UserError(f"{path.name}: lines of unequal length")
    return np.asarray(table, dtype=np.float64)


def _with_gaps(path: Path, lines: list[str], delimiter: str) -> Floats:
    """Read slowly, an empty or wordy field as NaN."""
    rows = [[_number(field) for field in line.split(delimiter)] for line in lines]
    if len({len(row) for row in rows}) != 1:
        raise UserError(f"{path.name}: lines of unequal length")
    return np.array(rows, dtype=np.float64)


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        return float("nan")


def _from_table(path: Path, names: list[str], table: Floats, fs_hz: float | None) -> Recording:
    scale = TIME_S.get(names[0].lower())
    if scale is not None and len(names) > 1:
        fs_hz = fs_hz or _rate_of(path, table[:, 0] * scale)
        names, table = names[1:], table[:, 1:]
    if fs_hz is None:
        raise UserError(f"{path.name}: no time column", next_step="give the rate with --fs HZ")
    values = np.ascontiguousarray(table.T)
    whole = values.astype(np.int64) if _all_whole(values) else None
    return Recording(fs_hz, tuple(names), values, whole, "mV", title=path.name)


def _rate_of(path: Path, time_s: Floats) -> float:
    steps = np.diff(time_s)
    middle = float(np.median(steps)) if steps.size else 0.0
    if not middle > 0 or not np.all(np.isfinite(steps)):
        raise UserError(f"{path.name}: time does not rise", next_step="give the rate with --fs HZ")
    # Written with three or four digits, single steps are rough; the whole span is not.
    exact = (time_s.size - 1) / float(time_s[-1] - time_s[0])
    return round(exact, 3) if abs(exact * middle - 1) < 0.05 else round(1 / middle, 3)


def _all_whole(values: Floats) -> bool:
    return bool(
        np.all(np.abs(np.nan_to_num(values, nan=0.5)) < 2**53) and np.all(values == np.rint(values))
    )


def _is_word(name: str) -> bool:
    try:
        float(name.replace(",", "."))
    except ValueError:
        return True
    return False
