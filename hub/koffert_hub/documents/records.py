"""What is known of a document, and what may be done with it."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from koffert_drivers.stills.records import Device, Filters, Measurements, PatientIdentity


class State(StrEnum):
    """Whether a document is the patient's. One that is HELD is shown only to whoever decides."""

    FILED = "filed"
    HELD = "held"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a document is held or could not be read."""

    OTHER_PERSON = "other-person"
    WRONG_HASH = "wrong-hash"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    INCOMPLETE = "incomplete"
    UNKNOWN_FORMAT = "unknown-format"
    TOO_LARGE = "too-large"
    READER_FAILED = "reader-failed"


class LeadSummary(Struct, frozen=True):
    """One lead without its samples; `gain_uv` is the size of one unit in microvolts."""

    name: str
    samples: int
    gain_uv: float
    start_s: float
    derived: bool


class Summary(Struct, frozen=True, kw_only=True):
    """What a document says of itself. Measurements and statements are the cart's own, unconfirmed.

    `recorded_at` is the cart's clock. `rate_hz` is None and `leads` are empty for pages, of which `pages` are
    counted where they can be. `patient` is who the cart took the person for: health data, never logged.
    """

    format: str
    recorded_at: datetime | None = None
    rate_hz: float | None = None
    leads: tuple[LeadSummary, ...] = ()
    pages: int | None = None
    device: Device = Device()
    filters: Filters = Filters()
    measurements: Measurements = Measurements()
    statements: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    patient: PatientIdentity = PatientIdentity()


class DocumentLine(Struct, frozen=True, kw_only=True):
    """A document in a list. Times are ms since 1970 UTC: when the box took it, when it was whole here."""

    id: str
    patient: str
    loan: str | None
    taken_ms: int
    received_ms: int
    kind: str
    media_type: str
    size_bytes: int
    sha256: str
    state: State
    reason: Reason | None
    decided_by: str | None
    decided_ms: int | None


class Document(NamedTuple):
    """A document whole; `summary` is None when it could not be read."""

    line: DocumentLine
    summary: Summary | None
    content: bytes


class NoSuchDocument(Exception):
    """There is no document of this id."""


class NothingToDecide(Exception):
    """The document is not held, or someone decided before."""
