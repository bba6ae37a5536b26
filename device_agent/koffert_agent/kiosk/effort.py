"""What the screen shows of a blow and of the session; `blowing` works it out, which needs numpy."""

from msgspec import Struct

from koffert_signal.spirometry.states import Advice, Phase


class Effort(Struct, frozen=True):
    """The blow as the screen shows it: `share` is the bar, 1 where the line is."""

    phase: Phase = Phase.WAITING
    elapsed_s: float = 0.0
    volume_l: float = 0.0
    share: float = 0.0


class Tries(Struct, frozen=True):
    """What has been blown so far; `hint` is the key of the one sentence for the next try."""

    blows: int = 0
    good: int = 0
    hint: str = ""
    advice: Advice = Advice.ANOTHER
    fev1_l: float | None = None
    grade: str = "F"
