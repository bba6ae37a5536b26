"""The layout rule that everything rests on: docs/decisions/0001."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGES = {
    "signal": "koffert_signal",
    "wire": "koffert_wire",
    "drivers": "koffert_drivers",
    "device_agent": "koffert_agent",
    "hub": "koffert_hub",
    "cli": "koffert_cli",
}


@pytest.mark.parametrize(("folder", "package"), PACKAGES.items())
def test_folder_holds_exactly_one_typed_package(root: Path, folder: str, package: str) -> None:
    assert not (root / folder / "__init__.py").exists()
    assert (root / folder / package / "py.typed").is_file()
    assert [init.parent.name for init in (root / folder).glob("*/__init__.py")] == [package]


def test_pyproject_lists_the_same_packages(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == [f"{folder}/{name}" for folder, name in PACKAGES.items()]
    assert wheel["dev-mode-dirs"] == list(PACKAGES)
    assert project["tool"]["ruff"]["src"] == list(PACKAGES)
    assert project["tool"]["importlinter"]["root_packages"] == list(PACKAGES.values())


def test_stdlib_signal_wins_from_the_root(root: Path) -> None:
    code = "import asyncio, signal; asyncio.run(asyncio.sleep(0)); print(signal.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    assert not Path(run.stdout.strip()).is_relative_to(root / "signal")
