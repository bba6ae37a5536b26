"""A box loses nothing: a short seeded schedule of everything that can go wrong; `python -m tests.faults` is the long one."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.harness import suffer_all
from tests.faults.schedule import Fault, schedule

SEED = 20261122
SHORT = 2 * len(Fault)
LONG = 200
MEMORY_LIMIT_MB = 110


def test_the_same_seed_gives_the_same_schedule_and_each_fault_comes() -> None:
    assert schedule(1, 30) == schedule(1, 30) != schedule(2, 30)
    assert {step.fault for step in schedule(1, len(Fault))} == set(Fault)


@pytest.mark.timeout(180)
def test_a_box_loses_nothing(tmp_path: Path) -> None:
    outcome = asyncio.run(suffer_all(tmp_path, schedule(SEED, SHORT)))
    assert outcome.good, outcome
    assert outcome.acknowledged > SHORT / 2
    assert outcome.peak_memory_mb < MEMORY_LIMIT_MB


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_box_loses_nothing_for_longer(tmp_path: Path) -> None:
    outcome = asyncio.run(suffer_all(tmp_path, schedule(SEED + 1, LONG)))
    assert outcome.good, outcome
    assert outcome.peak_memory_mb < MEMORY_LIMIT_MB
