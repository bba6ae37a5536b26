"""A 12-lead still as geometry in millimetres, for a sheet of A4 lying down. Pure.

Traces are drawn sample by sample in hundredths of a millimetre; what was not recorded is a gap, never a line.
"""

from collections.abc import Sequence
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_drivers.stills.leads import STANDARD_ORDER
from koffert_drivers.stills.records import Lead
from koffert_signal.filters import ECG_MONITOR, zero_phase
from koffert_signal.quality import bridged

PAGE_W, PAGE_H = 297.0, 210.0
# The paper with its grid: whole large squares (5 mm) in both directions.
GRID_X, GRID_Y, GRID_W, GRID_H = 11.0, 44.0, 275.0, 150.0
# The calibration pulse: 1 mV high, and as wide as one large square is at 25 mm/s.
_PULSE_X, PULSE_W, _TRACES_X, _TRACES_W = GRID_X + 4.0, 5.0, GRID_X + 15.0, 250.0
_PULSE_FOOT = 2.0
_UNITS_PER_MM = 100
_UV_PER_MV = 1000.0
RHYTHM_LEAD = "II"

Floats = npt.NDArray[np.float64]


class Layout(StrEnum):
    """How the leads lie on the sheet."""

    THREE_BY_FOUR = "3x4"
    SIX_BY_TWO = "6x2"


class Gain(IntEnum):
    """Height of one millivolt in mm."""

    HALF = 5
    STANDARD = 10
    DOUBLE = 20


class Speed(IntEnum):
    """Paper speed in mm/s."""

    STANDARD = 25
    FAST = 50


class Pass(StrEnum):
    """What is done to the samples before they are drawn."""

    DIAGNOSTIC = "diagnostic"  # nothing: as the device delivered them
    MONITOR = "monitor"


class Setting(Struct, frozen=True, kw_only=True):
    """How a still is to be drawn; `start_s` is where the sheet begins."""

    layout: Layout = Layout.THREE_BY_FOUR
    gain: Gain = Gain.STANDARD
    speed: Speed = Speed.STANDARD
    band: Pass = Pass.DIAGNOSTIC
    start_s: float = 0.0

    @property
    def sheet_s(self) -> float:
        """How many seconds the sheet is long."""
        return _TRACES_W / self.speed.value


class Trace(Struct, frozen=True):
    """One lead in its place; `path` is in hundredths of a mm, empty where nothing was recorded."""

    name: str
    path: str
    x: float
    y: float
    from_s: float
    to_s: float


class Sheet(Struct, frozen=True, kw_only=True):
    """All that the template draws; places are in mm."""

    traces: tuple[Trace, ...]
    pulses: tuple[str, ...]
    separators: tuple[tuple[float, float], ...]
    setting: Setting
    recorded_s: float
    label_above: float


class _Panel(Struct, frozen=True):
    name: str
    x: float
    y: float
    width_mm: float
    from_s: float


def draw(leads: Sequence[Lead], rate_hz: float, setting: Setting) -> Sheet:
    """The sheet of a still."""
    rows = _rows(setting.layout)
    pitch = GRID_H / len(rows)
    middles = [GRID_Y + pitch * (place + 0.5) for place in range(len(rows))]
    panels = [
        panel
        for names, middle in zip(rows, middles, strict=True)
        for panel in _panels(names, middle, setting)
    ]
    widths = {panel.x for panel in panels if panel.x > _TRACES_X}
    return Sheet(
        traces=tuple(_trace(panel, leads, rate_hz, setting) for panel in panels),
        pulses=tuple(_pulse(middle, setting) for middle in middles),
        separators=tuple((panel.x, panel.y) for panel in panels if panel.x in widths),
        setting=setting,
        recorded_s=max((lead.start_s + lead.samples.size / rate_hz for lead in leads), default=0.0),
        label_above=min(pitch / 2 - 2.0, 14.0),
    )


def _rows(layout: Layout) -> list[tuple[str, ...]]:
    if layout is Layout.SIX_BY_TWO:
        return [(STANDARD_ORDER[place], STANDARD_ORDER[place + 6]) for place in range(6)]
    return [*(STANDARD_ORDER[place::3] for place in range(3)), (RHYTHM_LEAD,)]


def _panels(names: Sequence[str], middle: float, setting: Setting) -> list[_Panel]:
    """The leads of one row: their windows follow each other in time."""
    width = _TRACES_W / len(names)
    return [
        _Panel(
            name,
            _TRACES_X + width * place,
            middle,
            width,
            setting.start_s + width * place / setting.speed.value,
        )
        for place, name in enumerate(names)
    ]


def _pulse(middle: float, setting: Setting) -> str:
    """The calibration pulse of a row, in mm."""
    height = float(setting.gain.value)
    return f"M{_PULSE_X:g} {middle:g}h{_PULSE_FOOT:g}v{-height:g}h{PULSE_W:g}v{height:g}h{_PULSE_FOOT:g}"


def _trace(panel: _Panel, leads: Sequence[Lead], rate_hz: float, setting: Setting) -> Trace:
    to_s = panel.from_s + panel.width_mm / setting.speed.value
    pieces = [
        _path(panel, lead, rate_hz, setting, to_s) for lead in leads if lead.name == panel.name
    ]
    return Trace(panel.name, "".join(pieces), panel.x, panel.y, panel.from_s, to_s)


def _path(panel: _Panel, lead: Lead, rate_hz: float, setting: Setting, to_s: float) -> str:
    first = max(0, int(np.ceil((panel.from_s - lead.start_s) * rate_hz - 1e-6)))
    last = int(np.floor((to_s - lead.start_s) * rate_hz + 1e-6)) + 1
    values = _passed(lead.microvolts(), rate_hz, setting.band)[first:last]
    if values.size == 0:
        return ""
    times_s = lead.start_s + (first + np.arange(values.size)) / rate_hz
    x_mm = panel.x + (times_s - panel.from_s) * setting.speed.value
    y_mm = panel.y - values / _UV_PER_MV * setting.gain.value
    return _polylines(x_mm, y_mm)


def _passed(values: Floats, rate_hz: float, band: Pass) -> Floats:
    """The samples through the chosen filter; a gap stays a gap."""
    if band is Pass.DIAGNOSTIC:
        return values
    whole, gap = bridged(values)
    if gap.all():
        return values
    filtered = zero_phase(ECG_MONITOR, whole, rate_hz)
    filtered[gap] = np.nan
    return filtered


def _polylines(x_mm: Floats, y_mm: Floats) -> str:
    """An SVG path in hundredths of a mm: a start for each run without gaps, then steps."""
    known = np.isfinite(y_mm)
    x = np.rint(x_mm * _UNITS_PER_MM).astype(np.int64)
    y = np.rint(np.where(known, y_mm, 0) * _UNITS_PER_MM).astype(np.int64)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False))
    parts: list[str] = []
    for start, end in edges.reshape(-1, 2):
        dx, dy = np.diff(x[start:end]).tolist(), np.diff(y[start:end]).tolist()
        steps = "".join(f" {a} {b}" for a, b in zip(dx, dy, strict=True))
        parts.append(f"M{x[start]} {y[start]}" + (f"l{steps[1:]}" if steps else "h1"))
    return "".join(parts)
