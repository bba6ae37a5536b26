"""All that is known while the screen is composed."""

from enum import StrEnum

from msgspec import Struct

from koffert_agent.kiosk.day import Planned
from koffert_agent.kiosk.effort import Effort, Tries
from koffert_agent.kiosk.flow import Flow
from koffert_agent.kiosk.measuring import Watch
from koffert_agent.kiosk.records import Box, DeliveryState
from koffert_agent.video.records import CallView


class Volume(StrEnum):
    """How loud the voice is; one button goes round."""

    LOW = "low"
    HIGH = "high"
    OFF = "off"


class Sent(Struct, frozen=True):
    """How far something has come that the patient waits for, and for how long already."""

    state: DeliveryState | None
    waited_s: float


class Facts(Struct, frozen=True):
    """All that is known. `box` is None while the gateway is away, `call` while nobody has called.

    `answered` says that somebody has taken the call. `left_s` is what remains of the five minutes before a low
    reading is taken again. `visit` is the video call as the video process tells it; `blown` the session of
    blows once it has ended; `asleep` that the patient has switched the screen off. `today` are the rounds of
    the schedule, none without one or while nobody knows what time it is; `message` the pages of the nurse's
    that are left to read.
    """

    flow: Flow
    watch: Watch
    box: Box | None
    staffed: bool
    wall_ms: int
    meter_there: bool = True
    reading: Sent = Sent(None, 0.0)
    diary: Sent | None = None
    call: Sent | None = None
    answered: bool = False
    left_s: float = 0.0
    effort: Effort = Effort()
    tries: Tries = Tries()
    blown: Sent | None = None
    visit: CallView = CallView()
    asleep: bool = False
    message: tuple[tuple[str, ...], ...] = ()
    today: tuple[Planned, ...] = ()
    volume: Volume = Volume.LOW
    telephone: str | None = None
