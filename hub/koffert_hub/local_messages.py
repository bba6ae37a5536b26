"""What did not come from a box enters by the log as well, so that a rebuild has it too."""

import os
from collections.abc import Callable

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.broker_config import HUB_USER
from koffert_hub.clock import TimeBasis, encode_basis
from koffert_hub.log_record import SALT_BYTES, Direction, Event, LogRecord, Result, payload_hash
from koffert_hub.registry import RegistryError
from koffert_hub.transmission_log import LogWriter
from koffert_wire.envelope import BodyCodec, Header, encode_header
from koffert_wire.identifiers import UUID_BYTES
from koffert_wire.messages import DocumentPart, Instant, Reading, encode_messages
from koffert_wire.topics import Lane

_NS_PER_MS = 1_000_000
_NOBODY = bytes(UUID_BYTES)

LocalMessage = DocumentPart | Reading


def instant(at_ms: int, now_ms: int) -> Instant:
    """A moment by the hub's own clock, of a message that is filed now."""
    return Instant((at_ms - now_ms) * _NS_PER_MS, at_ms * _NS_PER_MS, wall_trusted=True)


def file_message(
    connection: sa.Connection,
    patient: str,
    message: LocalMessage,
    *,
    size_bytes: int,
    detail: str,
    now_ms: int,
    loan: str | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> int:
    """Log and keep one message of a patient; return its log record's number.

    Raises RegistryError where there is no such patient. The projections read it as any other.
    """
    _must_be_known(connection, patient)
    header = encode_header(_header(message, loan))
    messages, salt = encode_messages([message]), random(SALT_BYTES)
    now_ns = now_ms * _NS_PER_MS
    basis = encode_basis(TimeBasis(now_ns, sent_boottime_ns=0, same_boot=True, earliest_ns=0))
    writer = LogWriter(connection)
    sequence = writer.add(
        LogRecord(
            sequence=0,
            epoch="",
            at_ms=now_ms,
            event=Event.TRANSMISSION,
            direction=Direction.HUB,
            result=Result.STORED,
            patient=patient,
            loan=loan,
            content=_kind(message),
            count=1,
            bytes=size_bytes,
            payload_hash=payload_hash(salt, header, messages, basis),
            detail=detail,
        )
    )
    writer.flush()
    connection.execute(
        tables.body.insert().values(
            log_sequence=sequence,
            patient=patient,
            loan=loan,
            salt=salt,
            header=header,
            messages=messages,
            time_basis=basis,
        )
    )
    return sequence


def _must_be_known(connection: sa.Connection, patient: str) -> None:
    table = tables.patient.c
    known = sa.select(table.key).where(table.key == patient, table.erased_ms.is_(None))
    if connection.execute(known.with_for_update()).first() is None:
        raise RegistryError(f"no patient {patient}")


def _header(message: LocalMessage, loan: str | None) -> Header:
    """As if the hub had sent it to itself: no box, no outbox, no seal."""
    return Header(
        id=message.id,
        device=HUB_USER,
        loan=loan,
        outbox=_NOBODY,
        lane=Lane.BULK,
        sequence=0,
        boot=_NOBODY,
        created=message.at,
        kind=_kind(message),
        count=1,
        codec=BodyCodec.PLAIN,
        part=0,
        parts=1,
        sealing_key=b"",
    )


def _kind(message: LocalMessage) -> str:
    return str(message.__struct_config__.tag)
