"""Where a blow and a session stand: words alone, for whoever shows them without measuring anything."""

from enum import Enum


class Phase(Enum):
    """Where the blow stands."""

    WAITING = "waiting"
    BLOWING = "blowing"
    MAY_STOP = "may-stop"
    BREATHED_IN = "breathed-in"


class Advice(Enum):
    """What the session asks for next."""

    ANOTHER = "another"
    ENOUGH = "enough"
    MOST_BLOWS = "most-blows"
    TIRED = "tired"
