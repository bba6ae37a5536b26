"""A document that came another way: it enters by the log as well, so that a rebuild has it too."""

import os
from collections.abc import Callable

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.broker_config import HUB_USER
from koffert_hub.clock import TimeBasis, encode_basis
from koffert_hub.documents.projection import KIND, document_id
from koffert_hub.log_record import SALT_BYTES, Direction, Event, LogRecord, Result, payload_hash
from koffert_hub.registry import RegistryError
from koffert_hub.transmission_log import LogWriter
from koffert_wire.documents import MAX_DOCUMENT_BYTES, split
from koffert_wire.envelope import BodyCodec, Header, encode_header
from koffert_wire.identifiers import UUID_BYTES, uuid7
from koffert_wire.messages import DocumentPart, Instant, encode_messages
from koffert_wire.topics import Lane

DETAIL = "import"
_NS_PER_MS = 1_000_000
_UUID_RANDOM_BYTES = 10
_NOBODY = bytes(UUID_BYTES)


def import_document(
    connection: sa.Connection,
    patient: str,
    content: bytes,
    *,
    kind: str,
    media_type: str,
    now_ms: int,
    random: Callable[[int], bytes] = os.urandom,
) -> str:
    """Log and keep a document of a patient; return the id that it will be filed under.

    Raises RegistryError where there is no such patient. The projection reads it as any other.
    """
    _must_be_known(connection, patient)
    now_ns = now_ms * _NS_PER_MS
    (part,) = split(
        content,
        at=Instant(0, now_ns, wall_trusted=True),
        kind=kind,
        media_type=media_type,
        new_id=lambda: uuid7(now_ns, random(_UUID_RANDOM_BYTES)),
        part_bytes=MAX_DOCUMENT_BYTES,
    )
    header, messages, salt = (
        encode_header(_header(part)),
        encode_messages([part]),
        random(SALT_BYTES),
    )
    hashed = payload_hash(salt, header, messages)
    writer = LogWriter(connection)
    sequence = writer.add(_record(patient, len(content), hashed, now_ms))
    writer.flush()
    basis = TimeBasis(now_ns, sent_boottime_ns=0, same_boot=True, earliest_ns=0)
    connection.execute(
        tables.body.insert().values(
            log_sequence=sequence,
            patient=patient,
            loan=None,
            salt=salt,
            header=header,
            messages=messages,
            time_basis=encode_basis(basis),
        )
    )
    return document_id(patient, part.sha256)


def _must_be_known(connection: sa.Connection, patient: str) -> None:
    table = tables.patient.c
    known = sa.select(table.key).where(table.key == patient, table.erased_ms.is_(None))
    if connection.execute(known.with_for_update()).first() is None:
        raise RegistryError(f"no patient {patient}")


def _header(part: DocumentPart) -> Header:
    """As if the hub had sent it to itself: no box, no outbox, no seal."""
    return Header(
        id=part.id,
        device=HUB_USER,
        loan=None,
        outbox=_NOBODY,
        lane=Lane.BULK,
        sequence=0,
        boot=_NOBODY,
        created=part.at,
        kind=KIND,
        count=1,
        codec=BodyCodec.PLAIN,
        part=0,
        parts=1,
        sealing_key=b"",
    )


def _record(patient: str, size_bytes: int, hashed: str, now_ms: int) -> LogRecord:
    return LogRecord(
        sequence=0,
        epoch="",
        at_ms=now_ms,
        event=Event.TRANSMISSION,
        direction=Direction.HUB,
        result=Result.STORED,
        patient=patient,
        content=KIND,
        count=1,
        bytes=size_bytes,
        payload_hash=hashed,
        detail=DETAIL,
    )
