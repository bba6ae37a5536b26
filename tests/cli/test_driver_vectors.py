"""Recorded bytes through the command, in pieces as a line or a radio gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from koffert_cli.driver import decode
from koffert_drivers.table import device

VECTORS = Path(__file__).parents[1] / "drivers" / "vectors"
PIECE_BYTES = 7


def vectors() -> list[dict[str, Any]]:
    return [
        each for file in sorted(VECTORS.glob("*.json")) for each in json.loads(file.read_text())
    ]


def lines(vector: dict[str, Any]) -> str:
    """The bytes as lines of hex: a value whole, a stream in pieces."""
    data = bytes.fromhex(vector["hex"])
    whole = device(vector["device"]).stream(vector["stream"]).whole_values
    size = len(data) if whole else PIECE_BYTES
    return "".join(f"{data[at : at + size].hex()}\n" for at in range(0, len(data), size))


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: str(vector["id"]))
def test_vector(vector: dict[str, Any]) -> None:
    option = "--format" if device(vector["device"]).serial else "--channel"
    result = CliRunner().invoke(
        decode, [vector["device"], option, vector["stream"]], input=lines(vector)
    )
    assert result.exit_code == 0
    printed = [json.loads(line) for line in result.output.splitlines()]
    told = [line for line in printed if "error" not in line]
    assert [line["error"] for line in printed if "error" in line] == vector["errors"]
    assert len(told) == len(vector["measurements"])
    for line, wanted in zip(told, vector["measurements"], strict=True):
        assert {name: line[name] for name in wanted} == wanted
