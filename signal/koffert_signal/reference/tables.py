"""The published GLI tables as arrays; `data/NOTICE.md` says where they come from."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from koffert_signal.checks import Floats

# The files hold whole numbers of this unit, so that a table is small and a change readable.
SPLINE_UNIT = 1e-5
QUARTERS_PER_YEAR = 4


class Coefficients(NamedTuple):
    """One row of the published regression: M from `a`, S from `p`, L from `q`.

    `group_m` and `group_s` are added for the GLI-2012 groups 1 to 5; the first is the reference, 0.
    """

    a: tuple[float, float, float]
    p: tuple[float, float]
    q: tuple[float, float]
    group_m: tuple[float, ...]
    group_s: tuple[float, ...]


class Splines(NamedTuple):
    """Age corrections at the quarter years of `age_y`; NaN where the equations do not reach."""

    age_y: Floats
    columns: MappingProxyType[str, Floats]

    def at(self, column: str, age_y: float) -> float:
        """Return the correction at `age_y`, linear between quarter years; 0 for a column of zeros."""
        values = self.columns.get(column)
        return 0.0 if values is None else float(np.interp(age_y, self.age_y, values))


@cache
def coefficients() -> MappingProxyType[tuple[str, str, str], Coefficients]:
    """Return the regression by (reference, sex, index), in the file's words: `2012`, `m`, `fev1`."""
    rows = csv.DictReader(_lines("gli_coefficients.csv"))
    return MappingProxyType(
        {(r["reference"], r["sex"], r["index"]): _coefficients(r) for r in rows}
    )


@cache
def splines(reference: str) -> Splines:
    """Return the age corrections of `2012` or `global`."""
    header, *rows = csv.reader(_lines(f"gli_{reference}_splines.csv"))
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    columns = {name: table[:, i] * SPLINE_UNIT for i, name in enumerate(header) if i > 0}
    return Splines(table[:, 0] / QUARTERS_PER_YEAR, MappingProxyType(columns))


def _coefficients(row: dict[str, str]) -> Coefficients:
    a0, a1, a2, *group_m = (float(row[f"a{i}"]) for i in range(7))
    p0, p1, *group_s = (float(row[f"p{i}"]) for i in range(6))
    q0, q1 = float(row["q0"]), float(row["q1"])
    return Coefficients((a0, a1, a2), (p0, p1), (q0, q1), (0.0, *group_m), (0.0, *group_s))


def _lines(name: str) -> list[str]:
    return resources.files(__package__).joinpath("data", name).read_text("ascii").splitlines()
