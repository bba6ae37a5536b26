"""The command table: every line works, is documented, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path

import click
import pytest

from koffert_cli.main import ENTRIES, Entry

# Each takes 50 ms or more to import; `koffert --help` on a Pi must not pay for them.
HEAVY = ("alembic", "apsw", "bleak", "cryptography", "fastapi", "numpy", "scipy", "sqlalchemy")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_loads_and_is_documented(entry: Entry) -> None:
    command = entry.load()
    assert command.name == entry.name
    assert command.help
    assert entry.summary
    if isinstance(command, click.Group):
        assert all(sub.help for sub in command.commands.values()), entry.name


def test_names_are_unique_and_each_task_has_one_heading() -> None:
    names = [entry.name for entry in ENTRIES]
    headings = [task for task, _ in groupby(entry.task for entry in ENTRIES)]
    assert len(set(names)) == len(names)
    assert len(set(headings)) == len(headings)


def test_the_root_imports_nothing_heavy(root: Path) -> None:
    code = "import sys, koffert_cli.main; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    assert not set(HEAVY) & set(run.stdout.split())
