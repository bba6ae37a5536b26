"""Every test that SECURITY.md claims is there."""

from __future__ import annotations

import re
from pathlib import Path

CLAIM = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<test>test_\w+)`")


def test_the_threat_model_names_tests_that_exist(root: Path) -> None:
    claims = CLAIM.findall((root / "SECURITY.md").read_text())
    assert len(claims) > 40
    missing = [
        f"{file}::{test}"
        for file, test in claims
        if not re.search(rf"def {test}\(", _text(root / file))
    ]
    assert missing == []


def test_every_threat_has_a_test(root: Path) -> None:
    table = (root / "SECURITY.md").read_text().partition("|---|")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    assert [row for row in rows if not CLAIM.search(row)] == []


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
