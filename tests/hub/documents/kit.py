"""Stills on their way into a hub's store."""

import re
from random import Random

import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.documents.projection import DocumentProjection
from koffert_hub.documents.records import DocumentLine
from koffert_hub.documents.store import list_documents
from koffert_hub.documents.tables import document, document_part
from koffert_wire.documents import split
from koffert_wire.messages import DocumentPart
from koffert_wire.topics import Lane
from tests.drivers.stills.samples import beats, muse
from tests.hub.box import Box, Queued
from tests.hub.kit import NOON_MS, Store


def parts_of(box: Box, content: bytes, kind: str = "scp-ecg") -> list[DocumentPart]:
    return list(
        split(
            content,
            at=box.now(),
            kind=kind,
            media_type="application/octet-stream",
            new_id=box.identifier,
            part_bytes=300,
        )
    )


def named(family: str, given: str) -> bytes:
    """A still that says whose it is."""
    text = muse(beats()).decode()
    assert "<PatientDemographics>" in text
    text = re.sub(r"<Patient(Last|First)Name>.*?</Patient\1Name>", "", text)
    names = (
        f"<PatientLastName>{family}</PatientLastName><PatientFirstName>{given}</PatientFirstName>"
    )
    return text.replace("<PatientDemographics>", f"<PatientDemographics>{names}").encode()


def queued(box: Box, part: DocumentPart) -> Queued:
    return box.queue([part], Lane.BULK, kind="document-part")


def send(store: Store, box: Box, content: bytes, shuffled: int | None = None) -> None:
    """All parts of a document, each its own transmission."""
    sent = [queued(box, part) for part in parts_of(box, content)]
    if shuffled is not None:
        Random(shuffled).shuffle(sent)  # noqa: S311 - an order, not a secret
    for each in sent:
        store.take(each)


def follow(store: Store, records: int = 500) -> None:
    projection = DocumentProjection(store.engine)
    while projection.follow(records):
        pass


def listed(store: Store, patient: str | None = None) -> list[DocumentLine]:
    with reading(store.engine) as connection:
        return list_documents(connection, patient)


def patient_of(store: Store, box: Box) -> str:
    with reading(store.engine) as connection:
        assert box.loan is not None
        return registry.loans(connection, [box.loan])[box.loan].patient


def end_loan(store: Store, box: Box) -> None:
    with store.engine.begin() as connection:
        assert box.loan is not None
        registry.end_loan(connection, box.loan, now_ms=NOON_MS)


def rows(store: Store) -> list[tuple[object, ...]]:
    """Every document as stored, byte for byte."""
    with reading(store.engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(document).order_by("id"))]


def waiting_parts(store: Store) -> int:
    with reading(store.engine) as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(document_part))
        return int(count.scalar_one())
