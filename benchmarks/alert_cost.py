"""What judging costs: readings per second on one core for 10,000 patients, and the state kept of each.

Each reading is judged as the hub does it: the patient's stored state is decoded, one turn is taken, and the
state is encoded again. The baseline compares the same values with two fixed limits.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from benchmarks.report import ROOT, Baseline, Result, publish
from koffert_cli.simulation.cohort import Assumptions, Loan, make_loan
from koffert_hub.alerts.case import Case, case_of
from koffert_hub.alerts.engine import advance, order
from koffert_hub.alerts.records import Kind, Reading
from koffert_hub.alerts.rules import load_rules
from koffert_hub.alerts.state import State, decode_state, encode_state

PATIENTS = 10_000
LOANS = 250  # drawn once and handed out again and again: drawing costs more than judging
READINGS = 150_000
SEED = 7


def interleaved(loans: list[list[Reading]]) -> Iterator[tuple[int, Reading]]:
    """Patient and reading as a hub meets them: everyone's first reading, everyone's second, and so on."""
    for place in range(max(map(len, loans))):
        for patient in range(PATIENTS):
            readings = loans[patient % len(loans)]
            if place < len(readings):
                yield patient, readings[place]


def judge(cases: list[Case], work: list[tuple[int, Reading]]) -> list[bytes]:
    """Judge everything; returns the states as stored."""
    empty = encode_state(State())
    states = [empty] * PATIENTS
    for patient, reading in work:
        state = decode_state(states[patient])
        advance(cases[patient % len(cases)], state, reading)
        states[patient] = encode_state(state)
    return states


def fixed_limits(work: list[tuple[int, Reading]]) -> int:
    """The baseline: SpO2 below 90, pulse above 110."""
    low = {Kind.SPO2: 90.0}
    return sum(
        isinstance(one.value, float) and one.value < low.get(one.kind, -1.0) for _, one in work
    )


def whole_fortnights(cases: list[Case], loans: list[list[Reading]]) -> int:
    """The largest state that any patient needs, in bytes, after any reading."""
    largest = 0
    for case, readings in zip(cases, loans, strict=True):
        state = State()
        for reading in readings:
            advance(case, state, reading)
            largest = max(largest, len(encode_state(state)))
    return largest


def per_second(count: int, work: Callable[[], object]) -> float:
    """How many of `count` pieces of work one second of processor time does."""
    started_s = time.process_time()
    work()
    return count / (time.process_time() - started_s)


def main() -> None:
    """Measure, and publish `alert-cost`."""
    rules = load_rules(ROOT / "config" / "rules" / "copd-follow-up.toml")
    random = np.random.default_rng(SEED)
    drawn: list[Loan] = [make_loan(Assumptions(), random) for _ in range(LOANS)]
    loans = [sorted(loan.readings, key=order) for loan in drawn]
    cases = [case_of(rules, loan.patient) for loan in drawn]
    work = list(islice(interleaved(loans), READINGS))
    rate = per_second(len(work), lambda: judge(cases, work))
    bare = per_second(len(work), lambda: fixed_limits(work))
    publish(
        Result(
            name="alert-cost",
            value=round(rate),
            unit="readings/s on one core (10,000 patients, state stored each time)",
            baseline=Baseline("two fixed limits", round(bare)),
            ratio=rate / bare,
            detail={"state_bytes_largest": whole_fortnights(cases, loans)},
        )
    )


if __name__ == "__main__":
    main()
