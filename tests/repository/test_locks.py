"""Everything that set-up fetches is pinned and hashed, and says nothing of where it came from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

LOCKS = ("dev", "agent", "hub", "bench", "fuzz", "suitcase")
PINNED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.\-]*)==\S+")


def requirements(root: Path, lock: str) -> list[str]:
    """Return one logical line for each requirement, comments left out."""
    text = (root / "requirements" / f"{lock}.txt").read_text()
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line for line in kept.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(root: Path, lock: str) -> None:
    lines = requirements(root, lock)
    assert lines
    for line in lines:
        assert PINNED.match(line), line[:80]
        assert "--hash=sha256:" in line, line[:80]
        assert "://" not in line, line[:80]


@pytest.mark.parametrize("lock", ["agent", "hub"])
def test_what_ships_has_the_versions_that_were_tested(root: Path, lock: str) -> None:
    # A marker may be wider in one file than in another; the version may not differ.
    tested = {line.split()[0] for line in requirements(root, "dev")}
    shipped = {line.split()[0] for line in requirements(root, lock)}
    assert shipped <= tested


def test_the_box_and_the_hub_do_not_carry_each_other(root: Path) -> None:
    names = {
        lock: {match["name"] for line in requirements(root, lock) if (match := PINNED.match(line))}
        for lock in ("agent", "hub")
    }
    assert not {"sqlalchemy", "fastapi", "psycopg"} & names["agent"]
    assert not {"bleak", "apsw", "pyserial"} & names["hub"]


def test_node_packages_are_hashed_and_host_free(root: Path) -> None:
    lock = json.loads((root / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
