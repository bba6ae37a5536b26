"""What page and hub say to each other over the call's WebSocket, as JSON with a `type`."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from koffert_hub.video.guests import GuestKind
from koffert_wire.call import CallOutcome, Sdp, Small, Words

ShortName = Annotated[str, Meta(min_length=1, max_length=60)]


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


class PageInvite(Struct, frozen=True, tag_field="type", tag="invite"):
    """Make a link for a guest of this visit; `name` is what the patient will read."""

    kind: GuestKind
    name: ShortName


class PageMeasure(Struct, frozen=True, tag_field="type", tag="measure"):
    """The patient's screen shall ask for a measurement now."""


class GuestHello(Struct, frozen=True, tag_field="type", tag="guest"):
    """A guest's first word: the token of the link, or the one to come back with."""

    token: Annotated[str, Meta(max_length=64)]


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
    # For a guest: what to say in place of the link's token when coming back after a break.
    back: str = ""


class Servers(Struct, frozen=True, tag_field="type", tag="servers"):
    """Fresh credentials, for the connection that is made after the next break."""

    ice: tuple[Ice, ...]


class Invited(Struct, frozen=True, tag_field="type", tag="invited"):
    """The link's token for one guest."""

    kind: GuestKind
    token: str


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


FromGuest = PageOffer | PageLeave | PageAlive
FromPage = FromGuest | PageCaption | PageHangUp | PageInvite | PageMeasure
ToPage = Joined | Servers | Invited | State | PageAnswer | Ended

_FROM_PAGE = msgspec.json.Decoder(FromPage)
_FROM_GUEST = msgspec.json.Decoder(FromGuest)
_HELLO = msgspec.json.Decoder(GuestHello)


def read_page(text: str) -> FromPage:
    """A page's message; raises msgspec.DecodeError."""
    message: FromPage = _FROM_PAGE.decode(text)
    return message


def read_guest(text: str) -> FromGuest:
    """A guest's message: what only staff may say is none; raises msgspec.DecodeError."""
    message: FromGuest = _FROM_GUEST.decode(text)
    return message


def read_hello(text: str) -> GuestHello:
    """A guest's first message; raises msgspec.DecodeError."""
    return _HELLO.decode(text)
