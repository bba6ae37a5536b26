"""docs/devices.md says what the device table says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from koffert_drivers.records.not_driven import NOT_DRIVEN
from koffert_drivers.table import DEVICES


def test_the_page_is_current(root: Path) -> None:
    check = subprocess.run(
        [sys.executable, root / "scripts" / "devices_page.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert check.returncode == 0, check.stdout


def test_every_device_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "devices.md").read_text(encoding="utf-8")
    assert all(f"## {record.name}\n" in page for record in DEVICES)
    assert all(f"| {device.name} |" in page for device in NOT_DRIVEN)
