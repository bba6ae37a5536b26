"""Hours and telephones follow the hub's file while it runs; the rules do not."""

import os
from datetime import time
from pathlib import Path

import pytest

from koffert_hub.alerts.civil import Shift, StaffingHours
from koffert_hub.alerts.opening import AlertSettings
from koffert_hub.alerts.standing import StandingSettings

BEFORE = AlertSettings(rules=Path("rules.toml"), telephone="51 00 00 00")
DAY = StaffingHours(monday=Shift(time(8), time(16)))
AFTER = AlertSettings(rules=Path("others.toml"), staffing=DAY, named_telephone="sms:+4751000000")


class File:
    """The hub's file: what it says, or that it is none."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "hub.toml"
        self.says: AlertSettings | None = BEFORE
        self.write(BEFORE)

    def write(self, says: AlertSettings | None) -> None:
        self.says = says
        self.path.touch()
        stamp_ns = self.path.stat().st_mtime_ns + 1
        os.utime(self.path, ns=(stamp_ns, stamp_ns))

    def read(self, _path: Path) -> AlertSettings:
        if self.says is None:
            raise ValueError("no TOML")
        return self.says


def test_hours_follow_the_file_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = File(tmp_path)
    standing = StandingSettings(BEFORE, file.path, file.read, unreadable=ValueError)
    assert standing() is standing() is BEFORE
    file.write(AFTER)
    now = standing()
    assert (now.staffing, now.named_telephone, now.telephone) == (DAY, "sms:+4751000000", None)
    assert now.rules == BEFORE.rules
    file.write(None)
    assert standing() is standing() is now
    assert caplog.text.count("stay as they were") == 1
    file.path.unlink()
    assert standing().staffing == DAY
