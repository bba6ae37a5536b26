"""Bytes recorded from devices, or printed by their makers, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from koffert_drivers.table import device
from tests.drivers.contract import errors, measurements, run

VECTORS = Path(__file__).parent / "vectors"


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recording: where it is from, and the fields that matter of each measurement in it."""

    id: str
    device: str
    stream: str
    kind: str
    source: str
    hex: str
    measurements: tuple[dict[str, Any], ...]
    errors: tuple[str, ...]
    note: str = ""


def vectors() -> list[Vector]:
    files = sorted(VECTORS.glob("*.json"))
    return [
        vector
        for file in files
        for vector in msgspec.json.decode(file.read_bytes(), type=list[Vector])
    ]


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.id)
def test_vector(vector: Vector) -> None:
    events = run(device(vector.device).make_parser(vector.stream), [bytes.fromhex(vector.hex)])
    found = [msgspec.to_builtins(measurement) for measurement in measurements(events)]
    assert len(found) == len(vector.measurements)
    for measurement, wanted in zip(found, vector.measurements, strict=True):
        told = {name: measurement[name] for name in wanted}
        assert msgspec.json.decode(msgspec.json.encode(told)) == wanted
    assert tuple(error.reason.value for error in errors(events)) == vector.errors


def test_the_copies_are_those_of_the_shared_collection(shared: Path) -> None:
    collected = msgspec.json.decode((shared / "vectors" / "devices.json").read_bytes())
    original = {entry["id"]: (entry["hex"], entry["source"]) for entry in collected}
    for vector in vectors():
        assert original[vector.id] == (vector.hex, vector.source)
