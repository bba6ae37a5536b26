"""The ECG sheet, true to scale: 25 mm/s, 10 mm/mV, calibration pulse, filters in print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from koffert_cli.output import UserError
from koffert_cli.signals.answers import EcgAnswer
from koffert_cli.signals.files import Floats, Recording
from koffert_signal.filters import ECG_DIAGNOSTIC, zero_phase
from koffert_signal.quality import bridged

MM_PER_S, MM_PER_MV = 25.0, 10.0
MM_PER_INCH = 25.4
DRAWN_S = 10.0
MARGIN_MM, PULSE_MM = 8.0, 7.0
ROW_MM, TITLE_MM, FOOT_MM = 30.0, 14.0, 8.0
PAPER = {"fine": ("#f6c9c4", 0.25, 1.0), "bold": ("#e58f86", 0.5, 5.0)}
COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
RHYTHM_LEAD = "II"


def draw(recording: Recording, answer: EcgAnswer, path: Path) -> None:
    """Write the sheet as PNG or SVG, as the name ends; raises UserError without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise UserError(
            "drawing needs matplotlib", next_step="pip install 'koffert[plot]'"
        ) from error
    if path.suffix.lower() not in {".png", ".svg"}:
        raise UserError(f"{path.name}: a sheet is .png or .svg")
    rows = layout(recording)
    width_mm = 2 * MARGIN_MM + PULSE_MM + DRAWN_S * MM_PER_S
    height_mm = TITLE_MM + FOOT_MM + ROW_MM * len(rows)
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width_mm), ylim=(0, height_mm))
    axes.axis("off")
    _paper(axes, width_mm, height_mm)
    shown = {name: _shown(recording, row) for row, name in enumerate(recording.leads)}
    for number, row in enumerate(rows):
        _row(axes, row, shown, recording.fs_hz, height_mm - TITLE_MM - ROW_MM * (number + 0.5))
    axes.text(MARGIN_MM, height_mm - 6, _title(recording, answer), fontsize=8, va="center")
    axes.text(MARGIN_MM, 4, _foot(recording), fontsize=7, va="center")
    figure.savefig(path, dpi=200)


def layout(recording: Recording) -> list[tuple[str, ...]]:
    """Return rows of leads that share ten seconds: 3 x 4 and the rhythm strip, else a row each."""
    names = {name.upper(): name for name in recording.leads}
    if all(name.upper() in names for column in COLUMNS for name in column):
        rows = [tuple(names[name.upper()] for name in row) for row in zip(*COLUMNS, strict=True)]
        return [*rows, (names[RHYTHM_LEAD],)]
    return [(name,) for name in recording.leads[:12]]


def _shown(recording: Recording, row: int) -> Floats:
    """Return ten seconds of one lead, filtered; NaN where nothing was taken: a gap, never a line."""
    count = round(DRAWN_S * recording.fs_hz)
    values = recording.values[row, :count]
    filled, gap = bridged(values)
    if gap.all():
        return np.full(values.size, np.nan)
    drawn = zero_phase(ECG_DIAGNOSTIC, filled, recording.fs_hz)
    drawn[gap] = np.nan
    return drawn


def _row(
    axes: Any, names: tuple[str, ...], shown: dict[str, Floats], fs_hz: float, middle_mm: float
) -> None:
    _pulse(axes, middle_mm)
    start_mm = MARGIN_MM + PULSE_MM
    share_s = DRAWN_S / len(names)
    for number, name in enumerate(names):
        values = shown[name]
        first, last = (round(edge * share_s * fs_hz) for edge in (number, number + 1))
        part = values[first : last + 1]
        x_mm = start_mm + np.arange(first, first + part.size) / fs_hz * MM_PER_S
        axes.plot(x_mm, middle_mm + part * MM_PER_MV, color="black", linewidth=0.7)
        label_mm = start_mm + number * share_s * MM_PER_S + 1
        axes.text(label_mm, middle_mm + ROW_MM * 0.36, name, fontsize=8, weight="bold")


def _pulse(axes: Any, middle_mm: float) -> None:
    """Draw 1 mV for 0.2 s."""
    up_mm = MM_PER_MV
    x_mm = MARGIN_MM + np.array([0, 1, 1, 6, 6, 7])
    y_mm = middle_mm + np.array([0, 0, up_mm, up_mm, 0, 0])
    axes.plot(x_mm, y_mm, color="black", linewidth=0.7)


def _paper(axes: Any, width_mm: float, height_mm: float) -> None:
    for colour, linewidth, step_mm in PAPER.values():
        axes.vlines(
            np.arange(0, width_mm, step_mm),
            0,
            height_mm,
            color=colour,
            linewidth=linewidth,
            zorder=0,
        )
        axes.hlines(
            np.arange(0, height_mm, step_mm),
            0,
            width_mm,
            color=colour,
            linewidth=linewidth,
            zorder=0,
        )


def _title(recording: Recording, answer: EcgAnswer) -> str:
    rate = "-" if answer.heart_rate_bpm is None else f"{answer.heart_rate_bpm:.0f}"
    values = {"PR": answer.pr_ms, "QRS": answer.qrs_ms, "QT": answer.qt_ms}
    spoken = "  ".join(f"{n} {'-' if v is None else f'{v:.0f}'} ms" for n, v in values.items())
    fridericia = answer.qtc_fridericia_ms
    qtc = "-" if fridericia is None else f"{fridericia:.0f}"
    return f"{recording.title}   {rate}/min  {spoken}  QTcF {qtc} ms   UNCONFIRMED"


def _foot(recording: Recording) -> str:
    drawn = ECG_DIAGNOSTIC.at(recording.fs_hz).label()
    device = f", device: {recording.filters}" if recording.filters else ""
    scale = f"{MM_PER_S:g} mm/s  {MM_PER_MV:g} mm/mV"
    return f"{scale}  drawn {drawn} zero phase, no notch{device}  columns follow each other in time"
