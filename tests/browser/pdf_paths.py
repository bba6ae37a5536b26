"""The lines of a PDF that Chromium has written, in millimetres on the paper."""

import re
import zlib

import numpy as np
import numpy.typing as npt

_MM_PER_POINT = 25.4 / 72
_STREAM = re.compile(rb"/FlateDecode.*?stream\r?\n(.*?)endstream", re.DOTALL)
_BOX = re.compile(rb"/MediaBox\s*\[([\d. ]+)\]")

Matrix = npt.NDArray[np.float64]
Line = list[tuple[float, float]]


def page_mm(pdf: bytes) -> tuple[float, float]:
    """Width and height of the first page."""
    found = _BOX.search(pdf)
    assert found is not None
    _, _, width, height = (float(number) for number in found[1].split())
    return width * _MM_PER_POINT, height * _MM_PER_POINT


def lines_mm(pdf: bytes) -> list[Line]:
    """Every polyline of straight steps, through all transformations."""
    lines: list[Line] = []
    for packed in _STREAM.findall(pdf):
        try:
            content = zlib.decompress(packed)
        except zlib.error:
            continue
        lines += _lines(content)
    return lines


def _lines(content: bytes) -> list[Line]:
    matrix, kept, numbers = np.eye(3), [], []
    lines: list[Line] = []
    for word in content.split():
        try:
            numbers.append(float(word))
            continue
        except ValueError:
            pass
        if word == b"q":
            kept.append(matrix)
        elif word == b"Q" and kept:
            matrix = kept.pop()
        elif word == b"cm" and len(numbers) >= 6:
            matrix = _matrix(numbers[-6:]) @ matrix
        elif word == b"m" and len(numbers) >= 2:
            lines.append([_place(numbers, matrix)])
        elif word == b"l" and len(numbers) >= 2 and lines:
            lines[-1].append(_place(numbers, matrix))
        numbers = []
    return lines


def _matrix(numbers: list[float]) -> Matrix:
    a, b, c, d, e, f = numbers
    return np.array([[a, b, 0], [c, d, 0], [e, f, 1]])


def _place(numbers: list[float], matrix: Matrix) -> tuple[float, float]:
    x, y, _ = np.array([numbers[-2], numbers[-1], 1.0]) @ matrix * _MM_PER_POINT
    return float(x), float(y)
