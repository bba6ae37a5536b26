"""What page and hub say to each other over the call's WebSocket, as JSON with a `type`."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from koffert_wire.call import CallOutcome, Sdp, Small, Words


class Phase(StrEnum):
    """Where a call is."""

    RINGING = "ringing"
    TALKING = "talking"
    BOX_AWAY = "box-away"


class PageOffer(Struct, frozen=True, tag_field="type", tag="offer"):
    """The page's description of a new peer connection."""

    round: Small
    sdp: Sdp
    relay_only: bool = False


class PageCaption(Struct, frozen=True, tag_field="type", tag="caption"):
    """Words that stand large on the patient's screen."""

    text: Words


class PageHangUp(Struct, frozen=True, tag_field="type", tag="hang-up"):
    """The call shall end for everybody."""


class PageLeave(Struct, frozen=True, tag_field="type", tag="leave"):
    """This person goes; the call goes on if others are in it."""


class PageAlive(Struct, frozen=True, tag_field="type", tag="alive"):
    """Said each second: a browser that hangs must not hold a patient's camera open."""


class Ice(Struct, frozen=True):
    """As RTCPeerConnection wants it."""

    urls: tuple[str, ...]
    username: str
    credential: str


class Joined(Struct, frozen=True, tag_field="type", tag="joined"):
    """The first word to a page."""

    call: str
    watcher: int
    ice: tuple[Ice, ...]


class State(Struct, frozen=True, tag_field="type", tag="state"):
    """Where the call is, who is in it, whether the patient gave a picture, and what size the link bears."""

    phase: Phase
    watchers: tuple[str, ...]
    picture: bool
    sending: tuple[int, int, int] | None = None


class PageAnswer(Struct, frozen=True, tag_field="type", tag="answer"):
    """The box's description for the offer of this round."""

    round: int
    sdp: str
    relayed: bool


class Ended(Struct, frozen=True, tag_field="type", tag="ended"):
    """The last word to a page."""

    outcome: CallOutcome


FromPage = PageOffer | PageCaption | PageHangUp | PageLeave | PageAlive
ToPage = Joined | State | PageAnswer | Ended

_FROM_PAGE = msgspec.json.Decoder(FromPage)


def read_page(text: str) -> FromPage:
    """A page's message; raises msgspec.DecodeError."""
    message: FromPage = _FROM_PAGE.decode(text)
    return message
