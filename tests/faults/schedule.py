"""What goes wrong, in which order and for how long: the same for the same seed."""

from enum import StrEnum
from random import Random
from typing import NamedTuple


class Fault(StrEnum):
    """One thing that can go wrong with a box and its link, or with the centre."""

    KILL_AGENT = "kill -9 agent"
    LINK_DOWN = "link down"
    BLACK_HOLE = "black hole"
    RESET = "reset"
    SLICES = "1-byte slices"
    PACKETS_LOST = "a fifth of the packets sent twice, 150 ms"
    SATELLITE = "64 kbit/s, 600 ms"
    CLOCK_AHEAD = "clock a year ahead"
    CLOCK_BACK = "clock a year back"
    CLOCK_UNTRUSTED = "clock not trusted"
    DISK_FULL = "disk full"
    DUPLICATE_CLIENT = "duplicate client id"
    CERTIFICATE_EXPIRED = "expired certificate"
    FINGER_OUT = "finger out"
    KILL_BROKER = "kill -9 broker"
    KILL_HUB = "kill -9 hub"
    KILL_REGISTER = "kill -9 register"
    RESTORE_HUB = "hub restored from a backup"


OF_CENTRE = (Fault.KILL_BROKER, Fault.KILL_HUB, Fault.KILL_REGISTER, Fault.RESTORE_HUB)
# What comes to a box at the same time: one fault of each line, each line so often a deck that all take as long.
OF_BOX: tuple[tuple[tuple[Fault, ...], int], ...] = (
    (
        (
            Fault.LINK_DOWN,
            Fault.BLACK_HOLE,
            Fault.RESET,
            Fault.SLICES,
            Fault.PACKETS_LOST,
            Fault.SATELLITE,
        ),
        1,
    ),
    ((Fault.DUPLICATE_CLIENT, Fault.CERTIFICATE_EXPIRED, Fault.KILL_AGENT), 2),
    ((Fault.CLOCK_AHEAD, Fault.CLOCK_BACK, Fault.CLOCK_UNTRUSTED), 2),
    ((Fault.DISK_FULL, Fault.FINGER_OUT), 3),
)


class Step(NamedTuple):
    """One fault, how long it lasts, and how long all is well afterwards."""

    fault: Fault
    lasts_s: float
    calm_s: float


class Round(NamedTuple):
    """Every fault in an order of its own at the centre and, line by line, at each box, all at the same time."""

    centre: list[Step]
    boxes: list[list[list[Step]]]

    @property
    def faults(self) -> int:
        """How many there are."""
        return len(self.centre) + sum(len(line) for box in self.boxes for line in box)


def schedule(seed: int, rounds: int, boxes: int, decks: int = 1) -> list[Round]:
    """The rounds of this seed: each fault once at the centre, at least `decks` times at each box."""
    random = Random(seed)  # noqa: S311 - reproducible on purpose

    def line(faults: tuple[Fault, ...], times: int) -> list[Step]:
        return [step for _ in range(times * decks) for step in _shuffled(random, faults)]

    return [
        Round(
            _shuffled(random, OF_CENTRE),
            [[line(*each) for each in OF_BOX] for _ in range(boxes)],
        )
        for _ in range(rounds)
    ]


def _shuffled(random: Random, faults: tuple[Fault, ...]) -> list[Step]:
    return [
        Step(fault, random.uniform(0.1, 0.6), random.uniform(0.0, 0.3))
        for fault in random.sample(faults, len(faults))
    ]
