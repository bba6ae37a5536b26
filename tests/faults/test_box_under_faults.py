"""Boxes lose nothing: a short seeded schedule of everything that can go wrong; `make test-faults` is the long one."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.harness import suffer_all
from tests.faults.schedule import OF_CENTRE, Fault, schedule

SEED = 20261122
SHORT_ROUNDS, SHORT_BOXES = 1, 2
LONG_ROUNDS, LONG_BOXES = 3, 3
MEMORY_LIMIT_MB = 110


def test_the_same_seed_gives_the_same_schedule_and_each_fault_comes() -> None:
    assert schedule(1, 2, 2) == schedule(1, 2, 2) != schedule(2, 2, 2)
    (one,) = schedule(1, 1, 2)
    assert {step.fault for step in one.centre} == set(OF_CENTRE)
    for box in one.boxes:
        assert {step.fault for line in box for step in line} == set(Fault) - set(OF_CENTRE)


@pytest.mark.timeout(900)
def test_boxes_lose_nothing(tmp_path: Path) -> None:
    rounds = schedule(SEED, SHORT_ROUNDS, SHORT_BOXES)
    outcome = asyncio.run(suffer_all(tmp_path, rounds))
    assert outcome.good, str(outcome)
    assert sum(outcome.faults.values()) > 40
    assert outcome.acknowledged > 40
    assert outcome.peak_memory_mb < MEMORY_LIMIT_MB


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_boxes_lose_nothing_for_longer(tmp_path: Path) -> None:
    rounds = schedule(SEED + 1, LONG_ROUNDS, LONG_BOXES)
    outcome = asyncio.run(suffer_all(tmp_path, rounds, look_every=2))
    assert outcome.good, str(outcome)
    assert sum(outcome.faults.values()) >= 200
    assert outcome.peak_memory_mb < MEMORY_LIMIT_MB
