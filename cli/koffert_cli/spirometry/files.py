"""Blows from CSV files: a header, then time with volume or flow."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from koffert_cli.output import UserError
from koffert_cli.signals.text import decoded, delimiter_of
from koffert_signal.errors import SignalError
from koffert_signal.spirometry.curve import Curve, from_flow, from_volume

# Header -> what one unit of it is in s, L or L/s. The first of each is the documented one.
TIME_S = {"time_s": 1.0, "t_s": 1.0, "time_ms": 1e-3, "t_ms": 1e-3}
VOLUME_L = {"volume_l": 1.0, "volume_ml": 1e-3}
FLOW_L_S = {"flow_l_s": 1.0, "flow_ml_s": 1e-3, "flow_l_min": 1 / 60}
# A minute at 1 kHz is 2 MB of text; more is another kind of file.
LARGEST_FILE_BYTES = 32_000_000
NEXT_STEP = "a header `time_s,volume_l` or `time_s,flow_l_s`, then one line per sample"


class Column(NamedTuple):
    """Where a quantity stands in each line, and what makes it SI or litres."""

    number: int
    factor: float


def read_curve(path: Path, *, btps: float = 1.0) -> Curve:
    """Read one blow; volumes or flows are multiplied by `btps`. Raises UserError for what is none."""
    header, lines = _read_lines(path)
    delimiter = delimiter_of(header)
    names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
    time, volume, flow = (_column(names, units) for units in (TIME_S, VOLUME_L, FLOW_L_S))
    if time is None or (volume is None and flow is None):
        raise UserError(f"{path.name}: no columns of time and volume or flow", next_step=NEXT_STEP)
    make: Callable[[list[float], list[float]], Curve] = from_volume if volume else from_flow
    value = volume or flow or time
    rows = list(csv.reader(lines, delimiter=delimiter))
    times = [_number(row, time, delimiter) for row in rows]
    values = [_number(row, value, delimiter) * btps for row in rows]
    try:
        return make(times, values)
    except SignalError as error:
        raise unusable(path, error) from error


def unusable(path: Path, error: SignalError) -> UserError:
    """Return the error for a file that holds no blow that can be measured."""
    return UserError(f"{path.name}: {error}", next_step="look at the curve, or blow once more")


def _read_lines(path: Path) -> tuple[str, list[str]]:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UserError(f"{path.name}: too large for a blow", next_step=NEXT_STEP)
        text = decoded(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path.name}: {error.strerror or error}") from error
    if text is None:
        raise UserError(f"{path.name}: not text", next_step=NEXT_STEP)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise UserError(f"{path.name}: empty", next_step=NEXT_STEP)
    return lines[0], lines[1:]


def _column(names: list[str], units: dict[str, float]) -> Column | None:
    return next((Column(names.index(name), units[name]) for name in units if name in names), None)


def _number(row: list[str], column: Column, delimiter: str) -> float:
    """Return the cell in SI or litres; NaN where there is no number, which the curve leaves out."""
    try:
        text = row[column.number]
        # Where semicolons part the columns, commas are decimal (Norwegian and Danish exports).
        return float(text.replace(",", ".") if delimiter == ";" else text) * column.factor
    except (IndexError, ValueError):
        return float("nan")
