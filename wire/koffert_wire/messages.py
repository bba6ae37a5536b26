"""The typed messages inside a transmission's body.

Messages are msgpack arrays whose first element is the tag. A newer writer may append fields; an
older reader ignores what it does not know, a newer reader fills what is missing from the default.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

from koffert_wire.errors import DECODE_ERRORS, Reason, UnreadableBody
from koffert_wire.topics import Lane

# gc=False where no cycle is possible: a rebuild holds 100,000 of these, and looking through them cost a fifth.


class Instant(Struct, frozen=True, array_like=True, gc=False):
    """A moment as the box saw it: CLOCK_BOOTTIME of the transmission's boot, and wall time.

    `wall_trusted` is False until the box has met a clock that it trusts since boot (a Pi has no RTC).
    """

    boottime_ns: int
    wall_ns: int
    wall_trusted: bool


class Mode(StrEnum):
    """How a reading was taken: it decides when the value counts as old."""

    CONTINUOUS = "continuous"
    SPOT = "spot"


class SpotContext(Struct, frozen=True, array_like=True):
    """What the patient answered around a spot reading; None is unanswered or unknown.

    `by_patient` says whether it is the patient who measured: an unanswered reading may alert, but never
    trains a baseline.
    """

    oxygen_l_min: float | None = None
    at_rest: bool | None = None
    reliever_before: bool | None = None
    by_patient: bool | None = None


class Reading(Struct, frozen=True, array_like=True, tag="reading", gc=False):
    """One set of numbers taken at one moment by one meter.

    `values` maps quantity codes (`quantities.py`) to numbers; None means that the meter gave no valid
    value and `flags` say why. `quality` is 0 to 1; 0 means that nothing in it is a value.
    """

    id: bytes
    at: Instant
    sensor: str
    sensor_serial: str | None
    mode: Mode
    values: dict[str, float | None]
    quality: float
    flags: tuple[str, ...] = ()
    context: SpotContext | None = None


class SampleCodec(StrEnum):
    """How the samples of a waveform block are packed (`samples.py`); all little endian."""

    INT16_LE = "i16le"
    UINT16_LE = "u16le"
    INT32_LE = "i32le"


# What `WaveformBlock.waveform` may say: the pulse in the finger in the meter's own steps, and the volume that
# has left the lungs in a forced blow, in mL BTPS from the full breath: one block for each blow.
PPG = "ppg"
FORCED_VOLUME = "forced_volume_ml"
# The flow of breath in mL/s as it is blown: shown on the box, never sent.
FLOW = "flow_ml_s"


class WaveformBlock(Struct, frozen=True, array_like=True, tag="waveform"):
    """Equally spaced samples of one waveform; `at` is the time of the first one."""

    id: bytes
    at: Instant
    sensor: str
    sensor_serial: str | None
    waveform: str
    rate_hz: float
    count: int
    codec: SampleCodec
    samples: bytes


class SensorLink(StrEnum):
    """What the box knows of its link to a meter."""

    SEARCHING = "searching"
    CONNECTED = "connected"
    LOST = "lost"


class SensorState(Struct, frozen=True, array_like=True, tag="sensor-state"):
    """A meter's link or battery changed; `battery_pct` is None where the meter has not told."""

    at: Instant
    sensor: str
    sensor_serial: str | None
    link: SensorLink
    battery_pct: float | None = None


class Quarantined(Struct, frozen=True, array_like=True, tag="quarantined"):
    """A record from a meter's memory that is not provably of this loan: never a reading of the patient.

    `at` is when it was fetched, `device_time` (ISO 8601, no zone) what the meter's own clock said when it was
    taken. `values` and `flags` are as in Reading.
    """

    id: bytes
    at: Instant
    sensor: str
    sensor_serial: str | None
    values: dict[str, float | None]
    flags: tuple[str, ...]
    device_time: str | None
    reason: str


class Diary(Struct, frozen=True, array_like=True, tag="diary"):
    """The day's questions: `answers` maps a question's code to yes or no; unanswered ones are absent.

    Codes: breathlessness_worse, sputum_more, sputum_colour (Anthonisen's majors), cough, wheeze, cold, fever.
    """

    id: bytes
    at: Instant
    answers: dict[str, bool]


class CallButton(Struct, frozen=True, array_like=True, tag="call-button"):
    """The patient asks for the nurse."""

    id: bytes
    at: Instant


class MessageRead(Struct, frozen=True, array_like=True, tag="message-read"):
    """The patient has pressed that the nurse's `message` (`commands.NurseMessage`) is read."""

    id: bytes
    at: Instant
    message: bytes


class Spirometry(Struct, frozen=True, array_like=True, tag="spirometry"):
    """One session of blows: the best values with their grades (ATS/ERS 2019); None is not measured.

    `curves` are the ids of the waveform blocks that hold its blows, in the order they were made; they travel
    on bulk and may come later than the session. Empty where the meter hands over no curve.
    """

    id: bytes
    at: Instant
    sensor: str
    sensor_serial: str | None
    values: dict[str, float | None]
    grade_fev1: str | None
    grade_fvc: str | None
    blows: int
    curves: tuple[bytes, ...] = ()


class Attempt(Struct, frozen=True, array_like=True, tag="attempt"):
    """The patient tried to measure and no value came: `reason` is the flag that stood last."""

    id: bytes
    at: Instant
    sensor: str
    reason: str


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    """The first message after each connection: what the box is and what it still holds."""

    at: Instant
    software_version: str
    hub_epoch: bytes | None
    queued: dict[Lane, int]


class Dropped(Struct, frozen=True, array_like=True, tag="dropped"):
    """Transmissions that the box gave up, named so that nobody looks for them."""

    at: Instant
    lane: Lane
    first_sequence: int
    last_sequence: int
    count: int
    reason: str


class StateApplied(Struct, frozen=True, array_like=True, tag="state-applied"):
    """The box is what the hub wanted it to be in this revision (`commands.DesiredState`)."""

    at: Instant
    revision: int


class CertificateRequest(Struct, frozen=True, array_like=True, tag="certificate-request"):
    """The box's certificate gets old: a CSR (DER, P-256) for a new key."""

    at: Instant
    csr: bytes


class DocumentCodec(StrEnum):
    """How a document was packed as a whole before it was cut into parts."""

    PLAIN = "plain"
    ZSTD = "zstd"


class DocumentPart(Struct, frozen=True, array_like=True, tag="document-part"):
    """A piece of a document, such as an ECG still; each travels alone, so that nothing waits for it.

    `document` is the same in all `total` parts, `index` counts from 0. `sha256` and `size_bytes` are those of
    the whole document unpacked. `kind` is its format in one word; its file's name is not sent. Made and put
    together in `documents.py`.
    """

    id: bytes
    at: Instant
    document: bytes
    index: int
    total: int
    sha256: bytes
    size_bytes: int
    media_type: str
    kind: str
    codec: DocumentCodec
    content: bytes


Message = (
    Reading
    | WaveformBlock
    | SensorState
    | Quarantined
    | Diary
    | CallButton
    | MessageRead
    | Spirometry
    | Attempt
    | Hello
    | Dropped
    | StateApplied
    | CertificateRequest
    | DocumentPart
)

# What is said of a patient: it must be filed under a loan. The rest is the box speaking of itself, and records
# of which nobody knows the patient.
OfPatient = (
    Reading | WaveformBlock | Diary | CallButton | MessageRead | Spirometry | Attempt | DocumentPart
)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Message])


def encode_messages(messages: list[Message]) -> bytes:
    """The msgpack bytes of a body."""
    return _ENCODER.encode(messages)


def decode_messages(data: bytes) -> list[Message]:
    """The messages of a body; raises UnreadableBody when `data` is not one."""
    try:
        return _DECODER.decode(data)
    except DECODE_ERRORS as error:
        raise UnreadableBody(Reason.DAMAGED_BODY, str(error)) from error
