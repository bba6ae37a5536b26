"""`koffert driver`, as a program."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from koffert_drivers.table import DEVICES

LIVE = "01e085d59abde3ffff"


def koffert(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    code = "from koffert_cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "driver", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=30,
    )


def decode(stdin: bytes, *arguments: str) -> list[dict[str, Any]]:
    result = koffert("decode", *arguments, stdin=stdin)
    assert (result.returncode, result.stderr) == (0, b"")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_list_shows_the_table() -> None:
    lines = [json.loads(line) for line in koffert("list", "--json").stdout.splitlines()]
    assert [line["id"] for line in lines] == [record.id for record in DEVICES]
    for line in lines:
        assert {"name", "transport", "kinds", "quality"} < set(line)
        assert set(line["quality"].values()) <= {"done", "todo", "exempt"}


def test_a_measurement_is_one_line_with_null_for_no_value() -> None:
    (line,) = decode(f"{LIVE}\n".encode(), "contec-v7")
    assert (line["spo2_pct"], line["pulse_bpm"], line["pai_pct"]) == (99, 61, None)
    assert (line["quality"], line["flags"], line["waveform"]) == (1, [], [85])


def test_frames_go_on_over_lines() -> None:
    cut = f"{LIVE[:6]}\n\n  {LIVE[6:].upper()} \r\n".encode()
    assert [line["spo2_pct"] for line in decode(cut, "contec-v7")] == [99]


@pytest.mark.parametrize("line", [b"xyz", b"012", b"\xff\xfe", "é".encode()])
def test_a_line_that_is_not_hex_is_an_error_line(line: bytes) -> None:
    error, good = decode(line + b"\n" + LIVE.encode(), "contec-v7")
    assert error["error"] == "not-hex"
    assert good["spo2_pct"] == 99


def test_damaged_frames_are_error_lines() -> None:
    damaged = f"ff{LIVE}\n{LIVE[:10]}\n".encode()
    garbage, good, truncated = decode(damaged, "contec-v7")
    assert (garbage["error"], garbage["hex"]) == ("garbage", "ff")
    assert good["pulse_bpm"] == 61
    assert (truncated["error"], truncated["hex"]) == ("truncated", LIVE[:10])


def test_the_format_is_chosen_by_name() -> None:
    assert decode(b"", "nonin-serial", "--format", "DF7") == []


@pytest.mark.parametrize("arguments", [("nobody",), ("nonin-serial", "--format", "df99"), ()])
def test_bad_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    result = koffert("decode", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert "error" in json.loads(result.stderr)
