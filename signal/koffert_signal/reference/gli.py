"""Predicted values, limits of normal and z-scores: GLI-2012 and GLI Global 2022.

M = exp(a0 + a1 ln height + a2 ln age + group + spline), S and L likewise without height (Quanjer 2012,
doi 10.1183/09031936.00080312; Bowerman 2023, doi 10.1164/rccm.202205-0963OC). GLI Global knows no group.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from math import exp, isfinite, isnan, log
from typing import NamedTuple

from msgspec import Struct

from koffert_signal.errors import InvalidInput
from koffert_signal.reference.tables import coefficients, splines

# The published equations reach from the third to the ninety-fifth birthday.
AGE_RANGE_Y = (3.0, 95.0)
# No standing person is outside; it catches metres, inches and millimetres typed as centimetres.
HEIGHT_RANGE_CM = (50.0, 250.0)
# The fifth percentile of a normal distribution, rounded as both publications do.
LLN_Z = -1.645


class Reference(Enum):
    """A published set of equations; the value is its name on the command line and in records."""

    GLI_2012 = "gli2012"
    GLI_GLOBAL = "gli-global"


class Sex(Enum):
    """The sex that the equations ask for."""

    MALE = "M"
    FEMALE = "F"


class Group(IntEnum):
    """The GLI-2012 groups, numbered and named as published."""

    CAUCASIAN = 1
    AFRICAN_AMERICAN = 2
    NORTH_EAST_ASIAN = 3
    SOUTH_EAST_ASIAN = 4
    OTHER = 5


class Person(Struct, frozen=True, kw_only=True):
    """Whom a prediction is for; `age_y` is decimal, since the tables run in quarter years."""

    sex: Sex
    age_y: float
    height_cm: float
    group: Group = Group.CAUCASIAN


class Lms(NamedTuple):
    """One index's distribution in people like this one: M, S and L of the publications."""

    median: float
    spread: float
    skewness: float

    def at(self, z: float) -> float:
        """Return the value with z-score `z`, in the index's own unit."""
        base = 1 + z * self.skewness * self.spread
        return self.median * exp(log(base) / self.skewness)

    def z(self, measured: float) -> float:
        """Return the z-score of a measured value above 0."""
        power = exp(self.skewness * log(measured / self.median))
        return (power - 1) / (self.skewness * self.spread)


class Values(Struct, frozen=True, kw_only=True):
    """One number for each index; None where it was not measured or is not defined."""

    fev1_l: float | None = None
    fvc_l: float | None = None
    ratio: float | None = None
    fef25_75_l_s: float | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """Measured values beside those of healthy people of the same sex, age and height."""

    reference: Reference
    predicted: Values
    lln: Values
    uln: Values
    z: Values
    percent_predicted: Values


# Field of Values -> the tables' word for it.
INDICES = {"fev1_l": "fev1", "fvc_l": "fvc", "ratio": "ratio", "fef25_75_l_s": "fef25_75"}
TABLE_NAME = {Reference.GLI_2012: "2012", Reference.GLI_GLOBAL: "global"}


def distribution(person: Person, reference: Reference, index: str) -> Lms | None:
    """Return L, M and S of `index`, a field of Values; None where the set has no equation for it.

    Raises InvalidInput for an age outside 3 to 95 years, where the tables end, and for a height that
    is none.
    """
    _check(person)
    table, sex, name = TABLE_NAME[reference], person.sex.value.lower(), INDICES[index]
    row = coefficients().get((table, sex, name))
    if row is None:
        return None
    m_spline, s_spline, l_spline = (
        splines(table).at(f"{sex}_{name}_{part}", person.age_y) for part in "msl"
    )
    if isnan(m_spline):
        return None
    log_age, log_height = log(person.age_y), log(person.height_cm)
    (a0, a1, a2), (p0, p1), (q0, q1) = row.a, row.p, row.q
    return Lms(
        median=exp(a0 + a1 * log_height + a2 * log_age + row.group_m[person.group - 1] + m_spline),
        spread=exp(p0 + p1 * log_age + row.group_s[person.group - 1] + s_spline),
        skewness=q0 + q1 * log_age + l_spline,
    )


def compare(person: Person, reference: Reference, measured: Values | None = None) -> Comparison:
    """Return predicted values and limits of normal, and where measured the z-scores and percentages.

    Volumes in L BTPS, flow in L/s, ratio as a fraction. FEV1 and FVC give the ratio if it is not
    given. Raises InvalidInput as `distribution` does, and for a measured value that is not above 0.
    """
    given = with_ratio(measured or Values())
    lms = {index: distribution(person, reference, index) for index in INDICES}
    known = {index: d for index, d in lms.items() if d is not None}
    of = {index: x for index in known if (x := getattr(given, index)) is not None}
    return Comparison(
        reference=reference,
        predicted=Values(**{index: d.median for index, d in known.items()}),
        lln=Values(**{index: d.at(LLN_Z) for index, d in known.items()}),
        uln=Values(**{index: d.at(-LLN_Z) for index, d in known.items()}),
        z=Values(**{index: known[index].z(x) for index, x in of.items()}),
        percent_predicted=Values(
            **{index: 100 * x / known[index].median for index, x in of.items()}
        ),
    )


def with_ratio(measured: Values) -> Values:
    """Return the values with FEV1/FVC filled in where both volumes are there."""
    for index in INDICES:
        value = getattr(measured, index)
        if value is not None and not (isfinite(value) and value > 0):
            raise InvalidInput(f"{index} {value:g} is not above 0")
    if measured.ratio is not None or measured.fev1_l is None or measured.fvc_l is None:
        return measured
    return Values(
        fev1_l=measured.fev1_l,
        fvc_l=measured.fvc_l,
        ratio=measured.fev1_l / measured.fvc_l,
        fef25_75_l_s=measured.fef25_75_l_s,
    )


def _check(person: Person) -> None:
    low, high = AGE_RANGE_Y
    if not low <= person.age_y <= high:
        raise InvalidInput(f"age {person.age_y:g} y is outside {low:g} to {high:g} y")
    low, high = HEIGHT_RANGE_CM
    if not low <= person.height_cm <= high:
        raise InvalidInput(f"height {person.height_cm:g} cm is outside {low:g} to {high:g} cm")
