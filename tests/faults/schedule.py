"""What goes wrong, in which order and for how long: the same for the same seed."""

from enum import StrEnum
from random import Random
from typing import NamedTuple


class Fault(StrEnum):
    """One thing that can go wrong with a box and its link."""

    KILL_AGENT = "kill -9 agent"
    KILL_BROKER = "kill -9 broker"
    KILL_HUB = "kill hub"
    LINK_DOWN = "link down"
    BLACK_HOLE = "black hole"
    RESET = "reset"
    SLICES = "1-byte slices"
    SATELLITE = "64 kbit/s, 600 ms"
    CLOCK_AHEAD = "clock a year ahead"
    CLOCK_BACK = "clock a year back"
    CLOCK_UNTRUSTED = "clock not trusted"
    DISK_FULL = "disk full"
    DUPLICATE_CLIENT = "duplicate client id"


class Step(NamedTuple):
    """One fault, how long it lasts, and how long all is well afterwards."""

    fault: Fault
    lasts_s: float
    calm_s: float


def schedule(seed: int, count: int, faults: tuple[Fault, ...] = tuple(Fault)) -> list[Step]:
    """`count` steps; each fault comes once before any comes again, so that a short schedule has all."""
    random = Random(seed)  # noqa: S311 - reproducible on purpose
    drawn: list[Fault] = []
    while len(drawn) < count:
        drawn += random.sample(faults, len(faults))
    return [
        Step(fault, random.uniform(0.2, 1.2), random.uniform(0.0, 0.6)) for fault in drawn[:count]
    ]
