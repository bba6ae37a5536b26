"""The live blow: what the screen shows, and that the end is the whole blow's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_signal.errors import InvalidInput, UnusableSignal
from koffert_signal.spirometry.btps import btps_factor
from koffert_signal.spirometry.curve import from_flow, from_volume
from koffert_signal.spirometry.indices import measure
from koffert_signal.spirometry.live import LiveBlow, LiveState, SampleKind
from koffert_signal.spirometry.states import Phase
from tests.signal.spirometry.closed_form import Model

NORMAL = Model(pef=8.0, tr=0.08, w=0.9, tau1=0.4, tau2=1.6, t_end=10.0)
TIMES_S = NORMAL.times_s(100.0)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 200), st.sampled_from(SampleKind))
def test_chunks_do_not_show(size: int, kind: SampleKind) -> None:
    of, make = (
        (NORMAL.volume_l, from_volume)
        if kind is SampleKind.VOLUME
        else (NORMAL.flow_l_s, from_flow)
    )
    values = of(TIMES_S)
    live = LiveBlow(kind)
    for first in range(0, TIMES_S.size, size):
        chunk = slice(first, first + size)
        live.feed(TIMES_S[chunk].tolist(), values[chunk].tolist())
    assert live.finish().indices == measure(make(TIMES_S, values)).indices


def states(volumes_l: list[float], times_s: list[float]) -> list[LiveState]:
    live = LiveBlow(SampleKind.VOLUME, line_l=3.0)
    return [live.feed([t], [v]) for t, v in zip(times_s, volumes_l, strict=True)]


def test_the_bar_rises_to_the_line_and_says_when_to_stop() -> None:
    times_s = np.arange(-1, 14, 0.01)
    drawn_l = 3.0 * np.clip((times_s - 11) / 2, 0, 1)
    shown = states((NORMAL.volume_l(times_s) - drawn_l).tolist(), times_s.tolist())
    phases = [state.phase for state in shown]
    order = list(dict.fromkeys(phases))
    assert order == [Phase.WAITING, Phase.BLOWING, Phase.MAY_STOP, Phase.BREATHED_IN]
    bar = [state.share_of_line or 0.0 for state in shown]
    assert bar == sorted(bar)
    assert (bar[0], bar[-1]) == (0.0, 1.0)
    began = phases.index(Phase.BLOWING)
    assert times_s[began] == pytest.approx(0.05, abs=0.05)


def test_bad_calls_and_endless_recordings_are_refused() -> None:
    with pytest.raises(InvalidInput):
        LiveBlow(SampleKind.FLOW, line_l=0.0)
    live = LiveBlow(SampleKind.FLOW)
    with pytest.raises(InvalidInput):
        live.feed([0.0], [])
    with pytest.raises(UnusableSignal):
        live.feed(np.arange(0, 200, 0.01).tolist(), [0.0] * 20_000)
    with pytest.raises(UnusableSignal):
        LiveBlow(SampleKind.VOLUME).finish()


def test_btps(vectors: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    for case in vectors["btps"]["cases"]:
        assert btps_factor(case["temp_c"]) == pytest.approx(case["factor"], abs=0.002)
    assert btps_factor(37.0) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("room", [(-5.0, 760.0), (20.0, 101.3), (float("nan"), 760.0)])
def test_rooms_that_are_none(room: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput):
        btps_factor(*room)
