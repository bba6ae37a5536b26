"""An error in a TOML file leads to its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from koffert_wire.toml_place import Fault, fault_of, line_of, where

TEXT = """\
device = "box-1"  # 1

[hub]
"port" = 1883  # 4
tls = { ca = "ca.crt" }

[[sensors]]
driver = "one"
[[ sensors ]]
  driver = "two"  # 10
[hub.budget]
daily_mb = 3
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("device", 1),
        ("hub", 3),
        ("hub.port", 4),
        ("hub.tls.ca", 5),
        ("sensors[0].driver", 8),
        ("sensors[1].driver", 10),
        ("sensors[1].port", 9),
        ("sensors[7].port", None),
        ("hub.budget.daily_mb", 12),
        ("hub.host", 3),
        ("nowhere", None),
        ("", None),
    ],
)
def test_a_place_has_a_line(place: str, line: int | None) -> None:
    assert line_of(TEXT, place) == line


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("Expected `int`, got `str` - at `$.hub.port`", ("hub.port", "Expected `int`, got `str`")),
        ("Object missing required field `host`", ("", "Object missing required field `host`")),
        (
            "Object contains unknown field `prot` - at `$.hub`",
            ("hub.prot", "Object contains unknown field `prot`"),
        ),
        ("Object contains unknown field `prot`", ("prot", "Object contains unknown field `prot`")),
        ("Expected `int` - at `$.sensors[1].x`", ("sensors[1].x", "Expected `int`")),
    ],
)
def test_what_msgspec_says_is_taken_apart(message: str, fault: tuple[str, str]) -> None:
    assert fault_of(message) == Fault(*fault)


def test_a_file_that_cannot_be_read_has_no_line(tmp_path: Path) -> None:
    assert where(tmp_path / "none.toml", "hub") == str(tmp_path / "none.toml")
    (tmp_path / "some.toml").write_text(TEXT)
    assert where(tmp_path / "some.toml", "hub.port") == f"{tmp_path / 'some.toml'}:4"
