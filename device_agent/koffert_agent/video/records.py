"""What goes over the video process's socket: one JSON line each, to and from gateway and kiosk."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from koffert_wire.call import CallDown, CallUp
from koffert_wire.errors import Reason, UnreadablePayload

SOCKET_NAME = "video.sock"
# An offer of 32 k characters, escaped and wrapped.
MOST_LINE_BYTES = 128 * 1024


class CallState(StrEnum):
    """What the patient sees of the call."""

    IDLE = "idle"
    RINGING = "ringing"
    TALKING = "talking"
    # The hub or the nurse is not heard of; the call goes on by itself when they are back.
    WAITING = "waiting"


class IsGateway(Struct, frozen=True, tag="gateway"):
    """The first line of the gateway; whoever does not say it is a screen."""


class FromHub(Struct, frozen=True, tag="from-hub"):
    """A message of the hub that the gateway has authenticated and found fresh."""

    message: CallDown


class AnswerCall(Struct, frozen=True, tag="answer"):
    """The patient pressed «Svar med bilde» or «Svar uten bilde»."""

    picture: bool


class EndCall(Struct, frozen=True, tag="end"):
    """The patient declined or hung up."""


class WatchPictures(Struct, frozen=True, tag="pictures"):
    """This connection wants the caller's picture: from now on it carries `framed` JPEGs and nothing else."""


class ToHub(Struct, frozen=True, tag="to-hub"):
    """For the gateway to seal and send at once, or never."""

    message: CallUp


class CallView(Struct, frozen=True, tag="view", kw_only=True):
    """What the screen shows; sent when connected and on every change.

    `watchers` are the names of those who see and hear now: while there are any, the camera's light and
    "nurse is watching" belong on the screen; the first of them is whose picture is shown. `picture` is whether
    the box's camera is open, `measure` counts how often the nurse has asked for a measurement in this call, `caller_picture` whether pictures of a watcher come, for who asks by `WatchPictures`.
    """

    state: CallState = CallState.IDLE
    caller: str = ""
    watchers: tuple[str, ...] = ()
    picture: bool = False
    caller_picture: bool = False
    caption: str = ""
    measure: int = 0


ToVideo = IsGateway | FromHub | AnswerCall | EndCall | WatchPictures
FromVideo = ToHub | CallView

_ENCODER = msgspec.json.Encoder()
_TO_VIDEO = msgspec.json.Decoder(ToVideo)
_FROM_VIDEO = msgspec.json.Decoder(FromVideo)


def encode_line(record: ToVideo | FromVideo) -> bytes:
    """The record as one line."""
    return _ENCODER.encode(record) + b"\n"


def framed(jpeg: bytes) -> bytes:
    """A picture on a connection of `WatchPictures`: four bytes of length, most significant first, then a JPEG."""
    return len(jpeg).to_bytes(4, "big") + jpeg


def read_to_video(line: bytes) -> ToVideo:
    """A line of gateway or kiosk; raises UnreadablePayload."""
    try:
        record: ToVideo = _TO_VIDEO.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    return record


def read_from_video(line: bytes) -> FromVideo:
    """A line of the video process; raises UnreadablePayload."""
    try:
        record: FromVideo = _FROM_VIDEO.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadablePayload(Reason.MALFORMED, str(error)) from error
    return record
