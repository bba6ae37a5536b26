"""The units as systemd itself reads and scores them."""

import re
import subprocess
from pathlib import Path

import pytest

from koffert_cli.daemons import find_daemon

UNITS = Path(__file__).parents[2] / "systemd" / "system"
# systemd's exposure score, 0 (safe) to 10; the box needs its cables, the centre needs no device at all.
MOST_EXPOSED = {
    "koffert-agent.service": 2.0,
    "koffert-kiosk.service": 1.5,
    "koffert-hub.service": 1.5,
}


def systemd_analyze(*arguments: str) -> str:
    daemon = find_daemon("systemd-analyze")
    run = subprocess.run(
        [str(daemon.path), *arguments],
        env=daemon.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


def test_every_unit_has_a_limit() -> None:
    assert {path.name for path in UNITS.glob("*.service")} == set(MOST_EXPOSED)


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_systemd_finds_no_fault(name: str, tmp_path: Path) -> None:
    """With a program that exists here: the package is not installed where tests run."""
    text = (UNITS / name).read_text()
    unit = tmp_path / name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    about_ours = [
        line
        for line in systemd_analyze("verify", "--man=no", str(unit)).splitlines()
        if name in line
    ]
    assert about_ours == []


@pytest.mark.parametrize(("name", "most"), MOST_EXPOSED.items())
def test_little_is_exposed(name: str, most: float) -> None:
    report = systemd_analyze("security", "--offline=yes", "--no-pager", str(UNITS / name))
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert score is not None, report
    assert float(score[1]) <= most


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_a_crash_loop_never_ends_in_failed(name: str) -> None:
    text = (UNITS / name).read_text()
    for line in ("StartLimitIntervalSec=0", "Restart=always", "Type=notify", "WatchdogSec=30"):
        assert line in text.splitlines()
