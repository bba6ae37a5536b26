"""A patient's whole record as files: what was sent, what was judged and written, and who looked at it.

Observations are FHIR R4 resources, one to a line; tables are CSV; documents are as they came. Times are UTC.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.corrections import BODY_COLUMNS, corrected_ids
from koffert_hub.documents.store import fetch_document, list_documents
from koffert_hub.log_record import Event
from koffert_hub.log_search import Query, search
from koffert_hub.patients import person_of
from koffert_hub.projection import Opened, StoredBody, open_stored
from koffert_hub.rights.bundle import OpenFile, bundle
from koffert_hub.rights.export_texts import index_text
from koffert_hub.rights.fhir import observation, patient_resource
from koffert_hub.rights.journal import note
from koffert_hub.rights.sheets import SHEETS, cells
from koffert_hub.rights.states import may_read, must_be_known
from koffert_hub.times import from_ms
from koffert_hub.web.access_log import Action
from koffert_hub.web.tables import access_log
from koffert_wire.messages import Message, decode_messages

_ENCODE = msgspec.json.Encoder().encode
_NO_LIMIT = 2**62
_READING_FIELDS = ("measured_at", "id", "sensor", "quality", "flags", "counts", "quantity", "value")


class Exported(Struct, frozen=True):
    """What the copy holds: lines or files by the name of each part."""

    log_sequence: int
    parts: dict[str, int]


def export_record(
    engine: sa.Engine, patient: str, target: Path, *, by: str, reason: str, now_ms: int
) -> Exported:
    """Write the record to a new folder or .zip; on record before anything is read.

    Raises RegistryError (NeedsReason where the record is not open) and FileExistsError.
    """
    with engine.begin() as connection:
        must_be_known(connection, patient)
        may_read(connection, patient, reason)
        sequence = note(connection, Event.RECORD, patient, "exported", now_ms=now_ms)
        connection.execute(
            access_log.insert().values(
                at_ms=now_ms,
                username=by,
                action=Action.EXPORTED_RECORD,
                patient=patient,
                detail=reason or None,
            )
        )
    with (
        engine.connect().execution_options(koffert_read_only=True) as connection,
        bundle(target) as new,
    ):
        parts = {name: write(connection, patient, new) for name, write in _PARTS.items()}
        with new("index.html") as file:
            file.write(index_text(parts, from_ms(now_ms)).encode())
    return Exported(sequence, parts)


def _person(connection: sa.Connection, patient: str, new: OpenFile) -> int:
    person = person_of(connection, patient)
    with new("patient.json") as file:
        file.write(msgspec.json.format(_ENCODE(patient_resource(patient, person))))
    return 1


def _observations(connection: sa.Connection, patient: str, new: OpenFile) -> int:
    struck = corrected_ids(connection, patient)
    with new("observations.ndjson") as file:
        return _lines(
            file.write,
            (
                observation(patient, opened, one, at_ms, counts=one.id not in struck)
                for opened in _bodies(connection, patient)
                for one, at_ms, _ in opened.readings
            ),
        )


def _readings(connection: sa.Connection, patient: str, new: OpenFile) -> int:
    struck = corrected_ids(connection, patient)
    rows = (
        {
            "measured_at": from_ms(at_ms).isoformat(timespec="milliseconds"),
            "id": one.id.hex(),
            "sensor": one.sensor,
            "quality": one.quality,
            "flags": " ".join(one.flags),
            "counts": "no" if one.id in struck else "yes",
            "quantity": quantity,
            "value": value,
        }
        for opened in _bodies(connection, patient)
        for one, at_ms, _ in opened.readings
        for quantity, value in one.values.items()
    )
    return _sheet(new, "readings", rows, _READING_FIELDS)


def _messages(connection: sa.Connection, patient: str, new: OpenFile) -> int:
    """Everything that was sent, as it was sent: diaries, blows with their curves, calls, faults of meters."""
    with new("messages.jsonl") as file:
        return _lines(
            file.write,
            (
                {
                    "log_sequence": row.log_sequence,
                    "kind": _kind(message),
                    "message": _named(message),
                }
                for row in connection.execution_options(yield_per=1_000).execute(
                    _select_bodies(patient)
                )
                for message in decode_messages(row.messages)
            ),
        )


def _documents(connection: sa.Connection, patient: str, new: OpenFile) -> int:
    lines = list_documents(connection, patient)
    for line in lines:
        with new(f"documents/{line.id}.{line.kind}") as file:
            file.write(fetch_document(connection, line.id).content)
    rows = [msgspec.to_builtins(line) for line in lines]
    return _sheet(new, "documents", rows, tuple(rows[0]) if rows else ("id",))


def _log(connection: sa.Connection, patient: str, new: OpenFile) -> int:
    with new("log.jsonl") as file:
        return _lines(file.write, search(connection, Query(patient=patient), _NO_LIMIT))


def _of_sheet(name: str, query: Callable[[str], "sa.Select[Any]"]) -> "Writer":
    def write(connection: sa.Connection, patient: str, new: OpenFile) -> int:
        chosen = query(patient)
        fields = tuple(one.name.removesuffix("_ms") for one in chosen.selected_columns)
        return _sheet(new, name, map(cells, connection.execute(chosen)), fields)

    return write


Writer = Callable[[sa.Connection, str, OpenFile], int]
_PARTS: dict[str, Writer] = {
    "patient.json": _person,
    "observations.ndjson": _observations,
    "readings.csv": _readings,
    "messages.jsonl": _messages,
    "documents.csv": _documents,
    **{f"{sheet.name}.csv": _of_sheet(sheet.name, sheet.query) for sheet in SHEETS},
    "log.jsonl": _log,
}


def _select_bodies(patient: str) -> "sa.Select[Any]":
    body = tables.body
    return sa.select(*BODY_COLUMNS).where(body.c.patient == patient).order_by(body.c.log_sequence)


def _bodies(connection: sa.Connection, patient: str) -> Iterator[Opened]:
    for row in connection.execution_options(yield_per=1_000).execute(_select_bodies(patient)):
        yield open_stored(StoredBody(*row))


def _kind(message: Message) -> str:
    return str(message.__struct_config__.tag)


def _named(message: Message) -> dict[str, object]:
    """Its fields by name; on the wire it is a list."""
    return msgspec.structs.asdict(message)


def _lines(write: Callable[[bytes], object], records: Iterable[object]) -> int:
    count = 0
    for record in records:
        write(_ENCODE(record) + b"\n")
        count += 1
    return count


def _sheet(
    new: OpenFile, name: str, rows: Iterable[dict[str, Any]], fields: tuple[str, ...]
) -> int:
    count = 0
    with new(f"{name}.csv") as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.DictWriter(text, fields)
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            count += 1
        text.detach()
    return count
