"""Clinical scores as tables: NEWS2 (whole or in part), Anthonisen, and the Rome severity."""

import math

from msgspec import Struct
from msgspec.structs import astuple

from koffert_hub.alerts.records import Symptoms

# Points up to and including each bound: RCP, National Early Warning Score 2 (2017), chart 1.
_Bands = tuple[tuple[float, int], ...]
_RESPIRATORY_RATE: _Bands = ((8, 3), (11, 1), (20, 0), (24, 2), (math.inf, 3))
_SPO2_SCALE_1: _Bands = ((91, 3), (93, 2), (95, 1), (math.inf, 0))
_SPO2_SCALE_2_AIR: _Bands = ((83, 3), (85, 2), (87, 1), (math.inf, 0))
_SPO2_SCALE_2_OXYGEN: _Bands = (
    (83, 3),
    (85, 2),
    (87, 1),
    (92, 0),
    (94, 1),
    (96, 2),
    (math.inf, 3),
)
_SYSTOLIC: _Bands = ((90, 3), (100, 2), (110, 1), (219, 0), (math.inf, 3))
_PULSE: _Bands = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (math.inf, 3))
_TEMPERATURE: _Bands = ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (math.inf, 2))
_OXYGEN_POINTS = 2
_NOT_ALERT_POINTS = 3

NEWS2_PARAMETERS = 7
_ANTHONISEN_MAJORS = 3
_MAJOR_BITS = 0b111


class Observations(Struct, frozen=True, kw_only=True):
    """What NEWS2 is made of; None is not measured. `acvpu` is one of A C V P U."""

    respiratory_rate_bpm: float | None = None
    spo2_pct: float | None = None
    spo2_scale: int = 1
    on_oxygen: bool | None = None
    systolic_mmhg: float | None = None
    pulse_bpm: float | None = None
    acvpu: str | None = None
    temperature_c: float | None = None


class News2(Struct, frozen=True):
    """A score over `parameters` of the seven: below seven it is a partial score, never "NEWS2".

    `risk` is None where nothing was measured.
    """

    score: int
    parameters: int
    any_three: bool
    risk: str | None
    points: dict[str, int]

    @property
    def label(self) -> str:
        """How it may be called."""
        if self.parameters == NEWS2_PARAMETERS:
            return "NEWS2"
        return f"partial score, {self.parameters} of {NEWS2_PARAMETERS}"


def news2(seen: Observations) -> News2:
    """NEWS2 over what was measured. On scale 2 unknown oxygen is scored as air."""
    banded: tuple[tuple[str, float | None, _Bands], ...] = (
        ("respiratory_rate", seen.respiratory_rate_bpm, _RESPIRATORY_RATE),
        ("spo2", seen.spo2_pct, _spo2_bands(seen)),
        ("systolic", seen.systolic_mmhg, _SYSTOLIC),
        ("pulse", seen.pulse_bpm, _PULSE),
        ("temperature", seen.temperature_c, _TEMPERATURE),
    )
    points = {name: _points(value, bands) for name, value, bands in banded if value is not None}
    if seen.on_oxygen is not None:
        points["oxygen"] = _OXYGEN_POINTS if seen.on_oxygen else 0
    if seen.acvpu is not None:
        points["consciousness"] = 0 if seen.acvpu == "A" else _NOT_ALERT_POINTS
    score = sum(points.values())
    any_three = 3 in points.values()
    return News2(score, len(points), any_three, _risk(score, any_three) if points else None, points)


def _spo2_bands(seen: Observations) -> _Bands:
    if seen.spo2_scale == 1:
        return _SPO2_SCALE_1
    return _SPO2_SCALE_2_OXYGEN if seen.on_oxygen else _SPO2_SCALE_2_AIR


def _points(value: float, bands: _Bands) -> int:
    return next(points for bound, points in bands if value <= bound)


def _risk(score: int, any_three: bool) -> str:  # noqa: FBT001 - two facts of one table row
    if score >= 7:
        return "high"
    if score >= 5:
        return "medium"
    return "low-medium" if any_three else "low"


def symptom_mask(symptoms: Symptoms) -> int:
    """Symptoms as bits, in the order of the fields: masks of several diaries unite with `|`."""
    return sum(bit << place for place, bit in enumerate(astuple(symptoms)))


def symptom_names(mask: int) -> tuple[str, ...]:
    """The fields of `Symptoms` that a mask holds."""
    return tuple(name for bit, name in enumerate(Symptoms.__struct_fields__) if mask >> bit & 1)


def majors(mask: int) -> int:
    """How many of Anthonisen's three majors: breathlessness, sputum volume, sputum purulence."""
    return (mask & _MAJOR_BITS).bit_count()


def minors(mask: int) -> int:
    """How many of the minors: cough, wheeze, cold, fever."""
    return (mask & ~_MAJOR_BITS).bit_count()


def anthonisen_type(mask: int) -> int | None:
    """1: all majors; 2: two; 3: one and a minor; None: none of these (Anthonisen 1987)."""
    count = majors(mask)
    if count == _ANTHONISEN_MAJORS:
        return 1
    if count == 2:
        return 2
    return 3 if count and minors(mask) else None


class RomeFindings(Struct, frozen=True, kw_only=True):
    """Celli 2021. Units: VAS 0-10, /min, %, points, mg/L, mmHg; None is not measured."""

    dyspnoea_vas: float | None = None
    respiratory_rate_bpm: float | None = None
    heart_rate_bpm: float | None = None
    spo2_pct: float | None = None
    spo2_fall_pct: float | None = None
    crp_mg_l: float | None = None
    paco2_mmhg: float | None = None
    ph: float | None = None


def rome_severity(seen: RomeFindings) -> str:
    """mild, moderate (3 of 5) or severe (PaCO2 above 45 mmHg with pH below 7.35)."""
    if (seen.paco2_mmhg or 0) > 45 and (7.4 if seen.ph is None else seen.ph) < 7.35:
        return "severe"
    met = (
        (seen.dyspnoea_vas or 0) >= 5,
        (seen.respiratory_rate_bpm or 0) >= 24,
        (seen.heart_rate_bpm or 0) >= 95,
        (100 if seen.spo2_pct is None else seen.spo2_pct) < 92 or (seen.spo2_fall_pct or 0) > 3,
        (seen.crp_mg_l or 0) >= 10,
    )
    return "moderate" if sum(met) >= 3 else "mild"
