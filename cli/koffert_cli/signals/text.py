"""Tables in text files as people and spreadsheets write them: marks, quotes, commas, units, gaps."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from koffert_cli.output import UserError

Floats = npt.NDArray[np.float64]

UNIT = re.compile(r"\s*[\[(]\s*([^\])]*?)\s*[\])]$|_([muµμ]?v)$", re.IGNORECASE)


class Column(NamedTuple):
    """A name without its unit, the unit in small letters ("" where none is told), the values."""

    name: str
    unit: str
    values: Floats


def decoded(content: bytes) -> str | None:
    """Return the text of UTF-8, UTF-16 with its mark, or one byte a letter; None for no text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Older Norwegian programs write Windows-1252; whatever has control characters is no text.
        text = content.decode("cp1252", "replace")
        return text if re.search(r"[\x00-\x08\x0e-\x1f\ufffd]", text) is None else None


def delimiter_of(line: str) -> str:
    """Return what parts the fields of a header."""
    return next((mark for mark in ";\t," if mark in line), ",")


def columns(path: Path, text: str) -> list[Column]:
    """Read a table, with a header or without; raises UserError where there is none.

    A field that is no number is a gap. Columns of words alone are left out.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise UserError(f"{path.name}: holds no samples")
    delimiter = delimiter_of(lines[0])
    names = [name.strip().strip('"') for name in lines[0].split(delimiter)]
    if all(map(_is_number, names)):
        names = ["signal"] if len(names) == 1 else [f"lead{n}" for n in range(1, len(names) + 1)]
    else:
        del lines[0]
    if lines and not any(map(_is_number, lines[0].split(delimiter))):
        told = [
            field.strip().strip('"').strip("[]()").lower()
            for field in lines.pop(0).split(delimiter)
        ]
    else:
        told = []
    table, worded = _table(path, lines, delimiter, len(names))
    units = told if len(told) == len(names) else [""] * len(names)
    return [
        _column(name, unit, values)
        for name, unit, values, words in zip(names, units, table.T, worded, strict=True)
        if not words and (name or not np.isnan(values).all())  # a line may end in its delimiter
    ]


def _column(name: str, unit: str, values: Floats) -> Column:
    written = UNIT.search(name)
    if written is None:
        return Column(name, unit, values)
    return Column(name[: written.start()], (written[1] or written[2]).lower(), values)


def _table(path: Path, lines: list[str], delimiter: str, count: int) -> tuple[Floats, list[bool]]:
    """Return the numbers, and which columns hold words alone."""
    if not lines:
        raise UserError(f"{path.name}: holds no samples")
    plain = lines if delimiter == "," else [line.replace(",", ".") for line in lines]
    try:
        table = np.loadtxt(plain, delimiter=delimiter, ndmin=2, comments=None)
        worded = [False] * table.shape[1]
    except ValueError:
        table, worded = _with_gaps(path, plain, delimiter)
    if table.shape[1] != count:
        raise UserError(f"{path.name}: lines of unequal length")
    if all(worded):
        raise UserError(f"{path.name}: holds no numbers")
    return np.asarray(table, dtype=np.float64), worded


def _with_gaps(path: Path, lines: list[str], delimiter: str) -> tuple[Floats, list[bool]]:
    """Read slowly, an empty or wordy field as NaN."""
    rows = [[field.strip().strip('"') for field in line.split(delimiter)] for line in lines]
    if len({len(row) for row in rows}) != 1:
        raise UserError(f"{path.name}: lines of unequal length")
    worded = [
        any(column) and not any(map(_is_number, column)) for column in zip(*rows, strict=True)
    ]
    table = [[float(field) if _is_number(field) else np.nan for field in row] for row in rows]
    return np.array(table, dtype=np.float64), worded


def _is_number(field: str) -> bool:
    try:
        float(field.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True
