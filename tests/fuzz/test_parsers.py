"""A short run of the fuzzer with each test run; the long one is a command of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drivers.contract import CASES, Case
from tests.fuzz.parsers import check, fuzz, mutated

SEEDS = 6


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mutated_recordings(case: Case) -> None:
    for seed in range(SEEDS):
        fuzz(case, mutated(seed, case))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_into_any_parser(data: bytes) -> None:
    check(data)
