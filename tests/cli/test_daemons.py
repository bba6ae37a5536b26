"""Finding daemons, and that the one which set-up brought really starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from koffert_cli.daemons import DaemonMissingError, find_daemon


def plant(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_system_comes_first(tmp_path: Path) -> None:
    own = plant(tmp_path / "system/usr/sbin/somed")
    plant(tmp_path / "unpacked/usr/sbin/somed")
    found = find_daemon("somed", system=tmp_path / "system", unpacked=tmp_path / "unpacked")
    assert found.path == own
    assert found.extra_environment == {}


def test_the_unpacked_one_gets_its_libraries(tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    binary = plant(unpacked / "usr/sbin/somed")
    libraries = unpacked / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    found = find_daemon("somed", system=tmp_path / "system", unpacked=unpacked)
    assert found.path == binary
    assert found.environment()["LD_LIBRARY_PATH"] == str(libraries)


def test_a_missing_one_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DaemonMissingError) as missing:
        find_daemon("somed", system=tmp_path, unpacked=tmp_path)
    assert missing.value.next_step == "make setup"


def test_mosquitto_runs() -> None:
    daemon = find_daemon("mosquitto")
    run = subprocess.run(
        [daemon.path, "-h"],
        env=daemon.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert run.stdout.startswith("mosquitto version 2")
