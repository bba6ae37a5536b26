"""Flow-volume and volume-time of a session as geometry for an SVG, places in the drawing's own units. Pure.

On the flow-volume drawing 2 L/s are as long as 1 L, expiration up (ATS/ERS 2019).
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import ceil, floor

from msgspec import Struct
from msgspec.structs import replace

from koffert_hub.spirometry.analysis import BlowView, Trace
from koffert_signal.reference.gli import Comparison

WIDTH, HEIGHT = 520, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 24, 14, 34
_INNER_W, _INNER_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_FLOW_PER_VOLUME = 2.0
# Small lungs still get a drawing with room: nothing is drawn larger than this many litres wide.
_LEAST_VOLUME_L, _LEAST_FLOW_L_S, _LEAST_TIME_S = 2.0, 3.0, 6.0
# Of what follows a blow nothing is judged; 15 s is where a blow ends at the latest.
_MOST_TIME_S = 15.0
# Blows that repeat well end where the others end: their numbers are moved apart by a line of text.
_LABEL_PX = 15.0


class Tick(Struct, frozen=True):
    """A grid line and its number."""

    at: float
    label: str


class Line(Struct, frozen=True):
    """One blow; `rank` 0 is the best, None is not among the best three."""

    number: int
    path: str
    rank: int | None
    label_x: float
    label_y: float


class Bar(Struct, frozen=True):
    """From the lower limit of normal to the predicted value."""

    x1: float
    y1: float
    x2: float
    y2: float


class Plot(Struct, frozen=True, kw_only=True):
    """All that the template draws; places are in the SVG's own units."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]
    zero_y: float
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


class _Axes(Struct, frozen=True):
    x_from: float
    x_to: float
    y_from: float
    y_to: float

    def x(self, value: float) -> float:
        return round(_LEFT + (value - self.x_from) / (self.x_to - self.x_from) * _INNER_W, 1)

    def y(self, value: float) -> float:
        share = (value - self.y_from) / (self.y_to - self.y_from)
        return round(HEIGHT - _BOTTOM - share * _INNER_H, 1)


def volume_time(
    blows: Sequence[BlowView], ranks: dict[int, int], comparison: Comparison | None
) -> Plot:
    """Litres out against seconds; bars at 1 s (FEV1) and at the right edge (FVC) reach from LLN to predicted."""
    traces = [blow.trace for blow in blows if blow.trace]
    time_s = max((trace.time_s[-1] for trace in traces), default=_LEAST_TIME_S)
    volume_l = max((max(trace.volume_l) for trace in traces), default=0.0)
    axes = _Axes(
        0.0,
        min(max(ceil(time_s), _LEAST_TIME_S), _MOST_TIME_S),
        0.0,
        max(ceil(2 * max(volume_l, _most(comparison, "fvc_l"))) / 2, _LEAST_VOLUME_L),
    )
    bars = [
        Bar(axes.x(at_s), axes.y(low), axes.x(at_s), axes.y(high))
        for index, at_s in (("fev1_l", 1.0), ("fvc_l", axes.x_to))
        for low, high in _normal(comparison, index)
    ]
    return Plot(
        x_ticks=_ticks(axes.x, 0, axes.x_to, 1 if axes.x_to <= 8 else 3),
        y_ticks=_ticks(axes.y, 0, axes.y_to, 1 if axes.y_to > 3 else 0.5),
        lines=_apart(
            _line(blow, ranks, axes, trace.time_s, trace.volume_l, at_end=True)
            for blow, trace in _drawn(blows)
        ),
        bars=tuple(bars),
        zero_y=axes.y(0),
    )


def flow_volume(
    blows: Sequence[BlowView], ranks: dict[int, int], comparison: Comparison | None
) -> Plot:
    """Litres a second against litres out; the bar on the volume axis reaches from the FVC's LLN to predicted."""
    traces = [blow.trace for blow in blows if blow.trace]
    volume_l = max((max(trace.volume_l) for trace in traces), default=_LEAST_VOLUME_L)
    most_l_s = max((max(trace.flow_l_s) for trace in traces), default=_LEAST_FLOW_L_S)
    least_l_s = min((min(trace.flow_l_s) for trace in traces), default=0.0)
    axes = _square(max(volume_l, _most(comparison, "fvc_l")), min(0, floor(least_l_s)), most_l_s)
    bars = [
        Bar(axes.x(low), axes.y(0), axes.x(high), axes.y(0))
        for low, high in _normal(comparison, "fvc_l")
    ]
    flow_step = 1 if axes.y_to - axes.y_from <= 8 else 2
    return Plot(
        x_ticks=_ticks(axes.x, 0, axes.x_to, 1 if axes.x_to > 3 else 0.5),
        y_ticks=_ticks(axes.y, axes.y_from, axes.y_to, flow_step),
        lines=_apart(
            _line(blow, ranks, axes, trace.volume_l, trace.flow_l_s, at_end=False)
            for blow, trace in _drawn(blows)
        ),
        bars=tuple(bars),
        zero_y=axes.y(0),
    )


def _square(volume_l: float, flow_from: float, flow_l_s: float) -> _Axes:
    """Axes that hold it all with 2 L/s as long as 1 L; the axis with room to spare reaches further."""
    volume_l = max(volume_l * 1.05, _LEAST_VOLUME_L)
    flows_l_s = max(flow_l_s * 1.05, _LEAST_FLOW_L_S) - flow_from
    px_per_l = min(_INNER_W / volume_l, _INNER_H / flows_l_s * _FLOW_PER_VOLUME)
    flow_to = flow_from + _INNER_H / px_per_l * _FLOW_PER_VOLUME
    return _Axes(0.0, _INNER_W / px_per_l, flow_from, flow_to)


def _drawn(blows: Sequence[BlowView]) -> Iterable[tuple[BlowView, Trace]]:
    return ((blow, blow.trace) for blow in blows if blow.trace)


def _line(
    blow: BlowView,
    ranks: dict[int, int],
    axes: _Axes,
    xs: Sequence[float],
    ys: Sequence[float],
    *,
    at_end: bool,
) -> Line:
    points = [
        (axes.x(x), axes.y(y)) for x, y in zip(xs, ys, strict=True) if axes.x_from <= x <= axes.x_to
    ]
    top = points[-1] if at_end else min(points, key=lambda point: point[1])
    label_x, label_y = (min(top[0] + 3, WIDTH - 12), top[1] - 4)
    return Line(blow.number, _path(points), ranks.get(blow.number), label_x, label_y)


def _apart(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same lines with no number upon another, from the top down."""
    placed: list[Line] = []
    for line in sorted(lines, key=lambda line: line.label_y):
        free_y = placed[-1].label_y + _LABEL_PX if placed else 0.0
        near = placed and abs(placed[-1].label_x - line.label_x) < _LABEL_PX
        placed.append(replace(line, label_y=max(line.label_y, free_y)) if near else line)
    return tuple(placed)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path; points that would lie on the one before say nothing."""
    start, *rest = points
    steps = [f"M{start[0]:g} {start[1]:g}"]
    steps += [f"L{b[0]:g} {b[1]:g}" for a, b in pairwise([start, *rest]) if a != b]
    return "".join(steps)


def _normal(comparison: Comparison | None, index: str) -> list[tuple[float, float]]:
    if comparison is None:
        return []
    low, high = getattr(comparison.lln, index), getattr(comparison.predicted, index)
    return [] if low is None or high is None else [(low, high)]


def _most(comparison: Comparison | None, index: str) -> float:
    return max((high for _, high in _normal(comparison, index)), default=0.0)


def _ticks(
    place: Callable[[float], float], first: float, last: float, step: float
) -> tuple[Tick, ...]:
    numbers = [step * n for n in range(ceil(first / step), floor(last / step + 1e-9) + 1)]
    return tuple(Tick(place(number), f"{number:g}".replace(".", ",")) for number in numbers)
