"""What gateway and kiosk say to each other: newline-delimited JSON on a local socket."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from koffert_wire.commands import BoxSettings, NurseMessage, PlannedVisit, SelfPlan
from koffert_wire.messages import (
    Attempt,
    CallButton,
    Diary,
    Instant,
    MessageRead,
    SensorLink,
    Spirometry,
    SpotContext,
    WaveformBlock,
)

SOCKET_NAME = "kiosk.sock"
# One line; a second of pulse wave with the numbers of every meter is far below it.
MOST_LINE_BYTES = 64 * 1024


class Numbers(Struct, frozen=True, tag="numbers"):
    """A reading as it is handed to the outbox; a value is None where the meter gave none."""

    id: bytes
    sensor: str
    spo2_pct: float | None
    pulse_bpm: float | None
    quality: float
    flags: tuple[str, ...]
    spot: bool


class PulseWave(Struct, frozen=True, tag="wave"):
    """About a second of the finger's pulse wave, in the meter's own counts."""

    rate_hz: float
    samples: list[int]


class Breath(Struct, frozen=True, tag="breath"):
    """A tenth of a second of breath in mL/s BTPS; the parser's MISSING stands for a lost sample."""

    sensor: str
    sensor_serial: str | None
    at: Instant
    rate_hz: float
    samples: list[int]


class Meter(Struct, frozen=True, tag="meter"):
    """A meter came or went; `blows` when it streams the flow of a blow."""

    sensor: str
    link: SensorLink
    blows: bool = False


class DeliveryState(StrEnum):
    """How far a message has come: on the box's disk, or at the hub by the hub's own receipt."""

    QUEUED = "queued"
    STORED = "stored"


class Delivery(Struct, frozen=True, tag="delivery"):
    """These messages have come this far."""

    ids: tuple[bytes, ...]
    state: DeliveryState


class Box(Struct, frozen=True, tag="box"):
    """The box as it is: said at the start, each second, and whenever it changes.

    `loan` is None while the box is not lent; `ends_ms` (wall clock) is when the kiosk falls silent by itself;
    `settings` are the hub's, and `answered_call` is the last call that somebody has taken.
    `paused` says that the patient is away: nothing is asked or measured. `plan` is the patient's own,
    `message` a nurse's that is not read yet, `visits` what is planned.
    """

    link_up: bool
    loan: str | None
    ends_ms: int | None
    locked: bool
    wall_ms: int
    wall_trusted: bool
    settings: BoxSettings | None = None
    answered_call: bytes | None = None
    paused: bool = False
    plan: SelfPlan | None = None
    message: NurseMessage | None = None
    visits: tuple[PlannedVisit, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether the box is nobody's: not lent, reported lost, or its loan is over."""
        ended = self.ends_ms is not None and self.wall_ms >= self.ends_ms
        return self.loan is None or self.locked or ended


class Submit(Struct, frozen=True, tag="submit"):
    """Something that the patient said or did, with its id: saying it twice does no harm."""

    message: Diary | CallButton | MessageRead | Attempt | Spirometry | WaveformBlock


class Circumstances(Struct, frozen=True, tag="circumstances"):
    """What goes with all readings from now on; None when no measurement is in progress."""

    context: SpotContext | None


FromGateway = Numbers | PulseWave | Breath | Meter | Delivery | Box
FromKiosk = Submit | Circumstances

_ENCODER = msgspec.json.Encoder()
_FROM_GATEWAY = msgspec.json.Decoder(FromGateway)
_FROM_KIOSK = msgspec.json.Decoder(FromKiosk)


def encode_line(record: FromGateway | FromKiosk) -> bytes:
    """One line with its end."""
    return _ENCODER.encode(record) + b"\n"


def read_from_gateway(line: bytes) -> FromGateway:
    """A line of the gateway; raises msgspec.DecodeError."""
    record: FromGateway = _FROM_GATEWAY.decode(line)
    return record


def read_from_kiosk(line: bytes) -> FromKiosk:
    """A line of the kiosk; raises msgspec.DecodeError."""
    record: FromKiosk = _FROM_KIOSK.decode(line)
    return record
