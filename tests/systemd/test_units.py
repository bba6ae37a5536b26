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
    "koffert-amk.service": 1.5,
    "koffert-broker.service": 1.5,
    "koffert-enrol.service": 2.0,
    "koffert-hub-worker@.service": 1.5,
    "koffert-hub.service": 1.5,
    "koffert-kiosk.service": 1.5,
    "koffert-video.service": 2.0,
    # Chromium brings its own sandbox, made of what the others are denied.
    "koffert-kiosk-browser.service": 6.0,
}
# They watch themselves and tell systemd so. mosquitto only tells that it is ready, the browser nothing.
WATCHED = [
    name
    for name in MOST_EXPOSED
    if name
    not in {"koffert-broker.service", "koffert-enrol.service", "koffert-kiosk-browser.service"}
]


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


@pytest.mark.parametrize("name", [*MOST_EXPOSED, "koffert-agent.path", "run-enrolment.mount"])
def test_systemd_finds_no_fault(name: str, tmp_path: Path) -> None:
    """With a program that exists here: the package is not installed where tests run."""
    for path in UNITS.iterdir():
        text = path.read_text()
        runnable = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(runnable)
    unit = tmp_path / name.replace("@.", "@1.")
    about_ours = [
        line
        for line in systemd_analyze("verify", "--man=no", str(unit)).splitlines()
        if name.partition(".")[0] in line
    ]
    assert about_ours == []


@pytest.mark.parametrize(("name", "most"), MOST_EXPOSED.items())
def test_little_is_exposed(name: str, most: float) -> None:
    report = systemd_analyze("security", "--offline=yes", "--no-pager", str(UNITS / name))
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert score is not None, report
    assert float(score[1]) <= most


@pytest.mark.parametrize("name", WATCHED)
def test_a_crash_loop_never_ends_in_failed(name: str) -> None:
    text = (UNITS / name).read_text()
    for line in ("StartLimitIntervalSec=0", "Restart=always", "Type=notify", "WatchdogSec=30"):
        assert line in text.splitlines()


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_a_runaway_does_not_take_the_machine(name: str) -> None:
    assert re.search(r"^MemoryMax=\d+[MG]$", (UNITS / name).read_text(), re.MULTILINE)
