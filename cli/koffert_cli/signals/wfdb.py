"""WFDB records that are no ECG still because some signal is not in volts, such as a pleth wave."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from koffert_cli.output import UserError

Ints = npt.NDArray[np.int64]

DEFAULT_GAIN = 200.0
# The lowest number of each format stands for "no sample".
MISSING = {16: -(2**15), 212: -(2**11), 80: -(2**7)}


class WfdbSignal(NamedTuple):
    """One line of the header: where the samples are and what one is worth."""

    file: str
    format: int
    gain: float
    baseline: float
    unit: str
    name: str


class WfdbRecord(NamedTuple):
    """Whole numbers (signals, samples) and what they mean."""

    fs_hz: float
    signals: tuple[WfdbSignal, ...]
    samples: Ints

    def values(self) -> npt.NDArray[np.float64]:
        """Return the signals in their units, NaN where nothing was taken."""
        rows = []
        for signal, row in zip(self.signals, self.samples, strict=True):
            physical = (row - signal.baseline) / signal.gain
            rows.append(np.where(row == MISSING[signal.format], np.nan, physical))
        return np.array(rows)


def read_record(header: Path) -> WfdbRecord:
    """Read formats 16, 212 and 80, one file for all signals; raises UserError for other kinds."""
    try:
        lines = header.read_text("latin-1").splitlines()
        plain = [line for line in lines if line.strip() and not line.startswith("#")]
        first = plain[0].split()
        count, fs_hz = int(first[1]), float(first[2].split("/")[0]) if len(first) > 2 else 250.0
        signals = tuple(_signal(line) for line in plain[1 : 1 + count])
        flat = _numbers(header.with_name(Path(signals[0].file).name), signals)
        whole = flat[: flat.size // count * count].reshape(-1, count).T
    except (OSError, IndexError, ValueError) as error:
        raise UserError(f"{header.name}: not a WFDB record that can be read") from error
    return WfdbRecord(fs_hz, signals, whole)


def _signal(line: str) -> WfdbSignal:
    """Read `file format gain(baseline)/unit bits zero first checksum block name`."""
    fields = line.split(None, 8)
    gain_field, _, unit = (fields[2] if len(fields) > 2 else "").partition("/")
    gain, _, baseline = gain_field.rstrip(")").partition("(")
    zero = fields[4] if len(fields) > 4 else "0"
    name = fields[8].strip() if len(fields) > 8 else f"signal{line.count(' ')}"
    scale = float(gain or 0) or DEFAULT_GAIN
    return WfdbSignal(fields[0], int(fields[1]), scale, float(baseline or zero), unit or "mV", name)


def _numbers(file: Path, signals: tuple[WfdbSignal, ...]) -> Ints:
    formats = {signal.format for signal in signals}
    if len(formats) != 1 or len({signal.file for signal in signals}) != 1:
        raise ValueError("signals in several files or formats")
    content = np.fromfile(file, np.uint8)
    kind = formats.pop()
    if kind == 16:
        return content[: content.size // 2 * 2].view("<i2").astype(np.int64)
    if kind == 80:
        return content.astype(np.int64) - 128
    if kind == 212:
        return _twelve_bits(content)
    raise ValueError("an unknown format")


def _twelve_bits(content: npt.NDArray[np.uint8]) -> Ints:
    """Two samples in three bytes, the high halves in the middle one."""
    triples = content[: content.size // 3 * 3].reshape(-1, 3).astype(np.int64)
    low = triples[:, 0] | (triples[:, 1] & 0x0F) << 8
    high = triples[:, 2] | (triples[:, 1] & 0xF0) << 4
    both = np.stack([low, high], axis=1).ravel()
    return np.asarray(np.where(both >= 2048, both - 4096, both))
