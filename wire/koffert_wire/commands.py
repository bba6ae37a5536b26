"""What the hub tells a box to be or to do: the body of a `command` message, which carries the hub's MAC.

A box confirms a `DesiredState` with `StateApplied`; a certificate, by connecting with it. Nothing here is
kept by the broker: what was not confirmed is said again.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadablePayload

# What fits one screen in large type.
MOST_PLAN_CHARACTERS = 600
MOST_VISITS = 100
# Some pages of such a screen.
MOST_NURSE_CHARACTERS = 240
NurseText = Annotated[str, Meta(min_length=1, max_length=MOST_NURSE_CHARACTERS)]
PlanText = Annotated[str, Meta(max_length=MOST_PLAN_CHARACTERS)]
Minute = Annotated[int, Meta(ge=0, le=1440)]
Staffing = Annotated[tuple["Hours | None", ...], Meta(min_length=8, max_length=8)]


MOST_ROUNDS = 8
EVERY_DAY = 0b1111111
# A language of a later version must not make the whole command unreadable: a box passes over what it has no texts for.
Language = Annotated[str, Meta(min_length=2, max_length=8)]


class Hours(Struct, frozen=True, array_like=True):
    """From and to, in minutes after midnight on the wall clock in Oslo; `end_min` is exclusive."""

    start_min: Minute
    end_min: Minute


class Round(Struct, frozen=True, array_like=True):
    """One measurement of the day: when, in minutes after midnight in Oslo, and what is asked for beside the clip.

    `weekdays` has a bit for each day on which it is due, the lowest for Monday.
    """

    at_min: Annotated[int, Meta(ge=0, lt=1440)]
    blow: bool = True
    questions: bool = True
    weekdays: Annotated[int, Meta(ge=1, le=EVERY_DAY)] = EVERY_DAY


Schedule = Annotated[tuple[Round, ...], Meta(max_length=MOST_ROUNDS)]


class BoxSettings(Struct, frozen=True, array_like=True):
    """What the patient's screen goes by. A reading at a floor or beyond it is taken once more.

    `staffed` are Monday to Sunday and then public holidays; None: nobody watches on such a day. `telephone` is
    the number to ring when nobody answers. Without a `language` the screen speaks its own. `schedule` is sorted by
    time; without one the patient is asked for everything each time.
    """

    spo2_floor_pct: float
    pulse_low_bpm: float
    pulse_high_bpm: float
    staffed: Staffing
    telephone: str | None = None
    language: Language | None = None
    schedule: Schedule = ()


class SelfPlan(Struct, frozen=True, array_like=True):
    """What the patient does by themselves: when all is as usual, at a warning, and when it is time to call."""

    green: PlanText
    yellow: PlanText
    red: PlanText


class VisitWith(StrEnum):
    """Whom a planned visit is with."""

    NURSE = "nurse"
    DOCTOR = "doctor"


class PlannedVisit(Struct, frozen=True, array_like=True):
    """A video visit that the centre has planned; what was cancelled is not among them."""

    starts_ms: int
    visit_with: VisitWith = VisitWith.NURSE


class NurseMessage(Struct, frozen=True, array_like=True):
    """A few words for the patient; they stand on the screen until a `MessageRead` names `id`."""

    id: bytes
    sent_ms: int
    text: NurseText


class DesiredState(Struct, frozen=True, array_like=True, tag="desired-state"):
    """What the box should be. `revision` only grows: an older word than the last one changes nothing.

    `loan` is None while the box is not lent, `ends_ms` is when it falls silent by itself, `locked` means
    that it was reported lost. Without `settings` the box takes the cautious floors, and nobody watches.
    `answered_call` is the last press of the call button that somebody has taken, `plan` is the patient's own.
    `paused`: the patient is away, so that nothing is measured or asked; calls go both ways all the same.
    `visits` are those to come, the first one first, `message` is the oldest of the nurses' messages that nobody has read yet.
    """

    revision: int
    loan: str | None
    ends_ms: int | None = None
    locked: bool = False
    settings: BoxSettings | None = None
    answered_call: bytes | None = None
    plan: SelfPlan | None = None
    paused: bool = False
    visits: Annotated[tuple[PlannedVisit, ...], Meta(max_length=MOST_VISITS)] = ()
    message: NurseMessage | None = None


class NewCertificate(Struct, frozen=True, array_like=True, tag="certificate"):
    """The answer to a `CertificateRequest`: the box's certificate and those that lead to the root."""

    certificates_pem: bytes


Command = DesiredState | NewCertificate

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Command)


def encode_command(command: Command) -> bytes:
    """The body of a `command` message."""
    return _ENCODER.encode(command)


def decode_command(body: bytes) -> Command:
    """The command in an authenticated message's body; raises UnreadablePayload."""
    try:
        command: Command = _DECODER.decode(body)
    except DECODE_ERRORS as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    return command
