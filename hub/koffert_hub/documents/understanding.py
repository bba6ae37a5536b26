"""What a document is: read, summed up, and compared with the person of the loan. Pure."""

import logging
import unicodedata
from typing import NamedTuple

from koffert_drivers.stills.bundle import read_document
from koffert_drivers.stills.errors import StillError
from koffert_drivers.stills.records import EcgStill, PatientIdentity, StillDocument
from koffert_hub.birth_number import is_birth_number
from koffert_hub.documents.records import LeadSummary, Reason, State, Summary
from koffert_hub.documents.signals import pack_leads

_LOG = logging.getLogger(__name__)

# What carts and older systems write for letters that they lack.
_SPELLINGS = str.maketrans(
    {"æ": "ae", "ø": "o", "å": "a", "ä": "ae", "ö": "o", "ü": "u", "ß": "ss"}
)
_DOUBLED = (("aa", "a"), ("oe", "o"))


class Known(NamedTuple):
    """The person of the loan: the name, and the birth number (11 digits) where it is registered."""

    name: str
    birth_number: str | None = None


class Understood(NamedTuple):
    """A document as it will be stored; `leads` are packed."""

    state: State
    reason: Reason | None = None
    summary: Summary | None = None
    leads: bytes | None = None


def understand(content: bytes, person: Known | None) -> Understood:
    """Read a document of `person` (None: not known). What cannot be read is kept as it is."""
    try:
        read = read_document(content)
    except StillError as error:
        return Understood(State.FILED, Reason(error.reason))
    except Exception as error:  # noqa: BLE001 - one file must never keep the hub from all others
        # Its message may quote the file.
        _LOG.error("a reader of stills failed: %s", type(error).__name__)
        return Understood(State.FILED, Reason.READER_FAILED)
    if isinstance(read, StillDocument):
        return Understood(State.FILED, summary=Summary(format=read.format.value, pages=read.pages))
    leads = pack_leads(read.leads)
    if person is not None and names_another(read.patient, person):
        return Understood(State.HELD, Reason.OTHER_PERSON, _sum_up(read), leads)
    return Understood(State.FILED, summary=_sum_up(read), leads=leads)


def names_another(patient: PatientIdentity, person: Known) -> bool:
    """Whether the still names somebody, and not `person`.

    Where both have a birth number it alone decides. Of names order, case, accents and middle names do not
    matter; one name alone must be one of the person's.
    """
    number = "".join(mark for mark in patient.patient_id if mark not in " -.")
    if person.birth_number is not None and is_birth_number(number):
        return number != person.birth_number
    said = _names(f"{patient.family_name} {patient.given_name}")
    known = _names(person.name)
    return bool(said and known) and not (said <= known or known <= said)


def _names(text: str) -> frozenset[str]:
    spelt = text.casefold().translate(_SPELLINGS)
    plain = "".join(
        mark for mark in unicodedata.normalize("NFKD", spelt) if mark.isalnum() or mark in " -^,."
    )
    for double, single in _DOUBLED:
        plain = plain.replace(double, single)
    for mark in "-^,.":
        plain = plain.replace(mark, " ")
    return frozenset(plain.split())


def _sum_up(still: EcgStill) -> Summary:
    return Summary(
        format=still.format.value,
        recorded_at=still.recorded_at,
        rate_hz=still.rate_hz,
        leads=tuple(
            LeadSummary(each.name, len(each.samples), each.gain_uv, each.start_s, each.derived)
            for each in still.leads
        ),
        device=still.device,
        filters=still.filters,
        measurements=still.measurements,
        statements=still.statements,
        notes=still.notes,
        patient=still.patient,
    )
