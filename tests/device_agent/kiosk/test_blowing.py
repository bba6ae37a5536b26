"""The guided blow without a screen: what is told while it is blown, what it is graded, and what is sent."""

from itertools import count

import pytest

from koffert_agent.kiosk.blowing import Blowing
from koffert_agent.kiosk.effort import Effort
from koffert_agent.kiosk.records import Breath
from koffert_drivers.parsers.flow_lines import MISSING, RATE_HZ
from koffert_drivers.simulated.physiology import Effort as Manner
from koffert_drivers.simulated.physiology import breath_l_s
from koffert_signal.spirometry.states import Advice, Phase
from koffert_wire.messages import FORCED_VOLUME, Instant, Spirometry, WaveformBlock
from koffert_wire.samples import unpack_samples

_BLOCK = 10


def breaths(manner: Manner, seconds: float = 9.0, scale: float = 1.0) -> list[Breath]:
    """A second of quiet, a blow, and quiet again, in tenths of a second."""
    times = [number / RATE_HZ - 1 for number in range(round(seconds * RATE_HZ))]
    samples = [round(breath_l_s(manner, at_s) * 1000 * scale) for at_s in times]
    return [
        Breath(
            "flow-lines",
            None,
            Instant(start * 10_000_000, 10**18 + start * 10_000_000, True),  # noqa: FBT003 - trusted
            RATE_HZ,
            samples[start : start + _BLOCK],
        )
        for start in range(0, len(samples), _BLOCK)
    ]


def blow(blowing: Blowing, manner: Manner, scale: float = 1.0) -> list[Effort]:
    """Blow once; all that the screen would have shown."""
    ids = count(blowing.tries.blows)
    shown: list[Effort] = []
    blowing.begin()
    for breath in breaths(manner, scale=scale):
        ended = blowing.hear(breath, next(ids).to_bytes(16))
        shown.append(blowing.effort)
        if ended:
            return shown
    raise AssertionError("the blow did not end")


def test_the_bar_reaches_the_line_when_it_is_enough_and_never_goes_back() -> None:
    shown = blow(Blowing(), Manner.GOOD)
    shares = [effort.share for effort in shown]
    assert shares == sorted(shares)
    assert next(effort.phase for effort in shown if effort.share == 1.0) is Phase.MAY_STOP
    assert shown[-1].phase is Phase.BREATHED_IN
    phases = list(dict.fromkeys(effort.phase for effort in shown))
    assert phases == [Phase.WAITING, Phase.BLOWING, Phase.MAY_STOP, Phase.BREATHED_IN]


@pytest.mark.parametrize(
    ("manner", "hint", "good"),
    [
        (Manner.GOOD, "well-done", 1),
        (Manner.SHORT, "keep-blowing", 0),
        (Manner.COUGH, "no-cough", 0),
        (Manner.HESITANT, "start-at-once", 0),
    ],
)
def test_after_each_blow_there_is_one_hint(manner: Manner, hint: str, good: int) -> None:
    blowing = Blowing()
    blow(blowing, manner)
    assert (blowing.tries.blows, blowing.tries.good, blowing.tries.hint) == (1, good, hint)
    assert blowing.tries.advice is Advice.ANOTHER


def test_three_good_blows_are_grade_a_and_enough() -> None:
    blowing = Blowing()
    for scale in (1.0, 1.02, 0.98):
        blow(blowing, Manner.GOOD, scale)
    assert (blowing.tries.grade, blowing.tries.advice) == ("A", Advice.ENOUGH)
    session, *curves = blowing.session(b"s" * 16, Instant(0, 0, True))  # noqa: FBT003 - trusted
    assert isinstance(session, Spirometry)
    assert session.blows == 3
    assert session.values["fev1_l"] == pytest.approx(1.51, abs=0.03)
    assert (session.grade_fev1, session.grade_fvc) == ("A", "A")
    assert session.curves == tuple(curve.id for curve in curves)
    assert len(set(session.curves)) == 3


def test_the_best_volume_is_the_next_line() -> None:
    blowing = Blowing()
    blow(blowing, Manner.GOOD)
    shown = blow(blowing, Manner.SHORT)
    blowing_shares = [e.share for e in shown if e.phase is Phase.BLOWING]
    assert 0.8 < max(blowing_shares) < 0.95  # 1.70 of 1.95 L


def test_eight_blows_are_the_most_and_a_tired_patient_stops_earlier() -> None:
    tired = Blowing()
    blow(tired, Manner.GOOD)
    blow(tired, Manner.GOOD, 0.7)
    assert tired.tries.advice is Advice.TIRED
    many = Blowing()
    for _ in range(8):
        assert many.tries.advice is Advice.ANOTHER
        blow(many, Manner.COUGH)
    assert many.tries.advice is Advice.MOST_BLOWS


def test_the_curve_is_the_volume_out_of_the_full_breath() -> None:
    blowing = Blowing()
    blow(blowing, Manner.GOOD)
    _, curve = blowing.session(b"s" * 16, Instant(0, 0, True))  # noqa: FBT003 - trusted
    assert isinstance(curve, WaveformBlock)
    assert (curve.waveform, curve.rate_hz) == (FORCED_VOLUME, RATE_HZ)
    volume_ml = unpack_samples(curve.codec, curve.samples)
    assert len(volume_ml) == curve.count
    assert abs(volume_ml[0]) < 10
    assert max(volume_ml) == pytest.approx(1950, abs=30)
    assert len(curve.samples) < 4096
    # The recording began at 0 s, the blow a second later; half a second before it is kept.
    assert 0.4e9 < curve.at.boottime_ns < 0.6e9


def test_handling_the_sensor_is_no_blow() -> None:
    blowing = Blowing()
    for breath in breaths(Manner.GOOD, scale=0.13):
        assert not blowing.hear(breath, b"x" * 16)
    assert blowing.tries.blows == 0
    assert blowing.session(b"s" * 16, Instant(0, 0, True)) == []  # noqa: FBT003 - trusted


def test_a_patient_may_think_for_minutes_before_blowing() -> None:
    blowing = Blowing()
    for _ in range(40):
        for breath in breaths(Manner.REST, 5.0):
            blowing.hear(breath, b"x" * 16)
    assert blowing.effort.phase is Phase.WAITING
    for breath in breaths(Manner.GOOD):
        if blowing.hear(breath, b"y" * 16):
            break
    assert blowing.tries.good == 1


def test_a_lost_sample_is_left_out_and_a_lost_blow_is_not_counted() -> None:
    blowing = Blowing()
    for breath in breaths(Manner.GOOD):
        samples = [breath.samples[0], MISSING, *breath.samples[2:]]
        holed = Breath(breath.sensor, None, breath.at, RATE_HZ, samples)
        if blowing.hear(holed, b"y" * 16):
            break
    assert blowing.tries.fev1_l == pytest.approx(1.48, abs=0.05)
    lost = Blowing()
    for number, breath in enumerate(breaths(Manner.GOOD)):
        gone = 12 <= number < 16
        samples = [MISSING] * _BLOCK if gone else breath.samples
        lost.hear(Breath(breath.sensor, None, breath.at, RATE_HZ, samples), b"y" * 16)
    assert lost.tries.blows == 0
