"""Flow-volume and volume-time loops on one sheet, in the 2:1 shape that ATS/ERS 2019 asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from koffert_cli.output import UserError
from koffert_signal.spirometry.curve import smooth_flow
from koffert_signal.spirometry.indices import Blow

# One litre is as long as two litres per second (Graham 2019).
L_S_PER_L = 2.0
SHEET_INCHES = (11.0, 5.5)
# Drawn flow is the mean over this: less than the narrowest peak, more than a millilitre step.
DRAWN_WINDOW_S = 0.02


def draw(blows: Sequence[Blow], path: Path) -> None:
    """Write the sheet as PNG or SVG, as the name ends; raises UserError without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise UserError(
            "drawing needs matplotlib", next_step="pip install 'koffert[plot]'"
        ) from error
    figure = Figure(figsize=SHEET_INCHES, layout="constrained")
    loops, volumes = figure.subplots(1, 2)
    for number, blow in enumerate(blows, start=1):
        shown = slice(blow.limits.onset, None)
        times_s = blow.curve.time_s[shown]
        out_l = blow.curve.volume_l[shown] - blow.level_l
        flow_l_s = smooth_flow(blow.curve, times_s, DRAWN_WINDOW_S)
        loops.plot(out_l, flow_l_s, linewidth=1.2, label=f"{number}")
        since_zero_s = times_s - blow.indices.time_zero_s
        volumes.plot(since_zero_s, out_l, linewidth=1.2, label=f"{number}")
        _mark_zero(volumes, blow)
    loops.set(xlabel="Volume, L (BTPS)", ylabel="Flow, L/s", title="Flow-volume")
    loops.set_aspect(1 / L_S_PER_L, adjustable="datalim")
    volumes.set(xlabel="Time from time zero, s", ylabel="Volume, L (BTPS)", title="Volume-time")
    for axes in (loops, volumes):
        axes.axhline(0, color="0.4", linewidth=0.8)
        axes.grid(visible=True, color="0.9")
        axes.legend(title="Blow", frameon=False)
    figure.savefig(path, dpi=150)


def _mark_zero(axes: object, blow: Blow) -> None:
    """Draw the tangent at peak flow, whose foot is time zero."""
    peak_s = blow.peak.time_s - blow.indices.time_zero_s
    ends_s = np.array([0.0, 2 * peak_s])
    axes.plot(ends_s, ends_s * blow.peak.flow_l_s, color="0.6", linewidth=0.8)  # type: ignore[attr-defined]
