"""The log as a file: JSON Lines that verify offline, or CSV for a spreadsheet.

A JSON Lines export holds, in this order: `{"export": …}` (where it starts and ends), one `{"record": …, "head": …}`
for each record with the record's canonical bytes as they were hashed, and one `{"signed": …}` for each
signature on a head in it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import TextIO

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.log_record import LogRecord, SignedHead, decode_record
from koffert_hub.log_verify import GENESIS, LogPosition, LogRow
from koffert_hub.transmission_log import position, rows_after, signed_heads

FORMAT = "koffert-log-1"
CSV_FIELDS = tuple(field for field in LogRecord.__struct_fields__)


class UnreadableExport(Exception):
    """The file is not an export of the log, or it is damaged."""


class Span(Struct, frozen=True):
    """The records from `after` (exclusive) to `last` (inclusive)."""

    after: LogPosition
    last: int


class _Start(Struct, frozen=True):
    export: str
    after: int
    head: str
    last: int | None = None


class _Line(Struct, frozen=True):
    record: msgspec.Raw
    head: str


class _Signed(Struct, frozen=True):
    signed: SignedHead


class _AnyLine(Struct, frozen=True):
    record: msgspec.Raw = msgspec.Raw()
    head: str | None = None
    signed: SignedHead | None = None


class Export(Struct, frozen=True):
    """A JSON Lines export, read: up to record `last`, as it says itself (older ones do not).

    A line that is damaged is a row without a head, in its place; of a damaged signature `damaged_heads` has the record.
    """

    after: LogPosition
    rows: list[LogRow]
    signed: list[SignedHead]
    last: int | None = None
    damaged_heads: tuple[int, ...] = ()


def span(connection: sa.Connection, from_ms: int | None, until_ms: int | None) -> Span:
    """The records written in [from_ms, until_ms); all of them by default."""
    table = tables.transmission_log
    last = position(connection).sequence
    first = 1
    if from_ms is not None:
        first = _first_since(connection, from_ms, last)
    if until_ms is not None:
        last = _first_since(connection, until_ms, last) - 1
    if first <= 1:
        return Span(GENESIS, last)
    head = connection.execute(
        sa.select(table.c.head).where(table.c.sequence == first - 1)
    ).scalar_one()
    return Span(LogPosition(first - 1, head), last)


def json_lines(connection: sa.Connection, chosen: Span) -> Iterator[bytes]:
    """The export's lines, each with its newline."""
    encode = msgspec.json.Encoder().encode
    start = _Start(FORMAT, chosen.after.sequence, chosen.after.head.hex(), chosen.last)
    yield encode(start) + b"\n"
    for row in _rows(connection, chosen):
        yield encode(_Line(msgspec.Raw(row.record), row.head.hex())) + b"\n"
    for signed in signed_heads(connection, chosen.after.sequence):
        if signed.sequence <= chosen.last:
            yield encode(_Signed(signed)) + b"\n"


def csv_lines(connection: sa.Connection, chosen: Span) -> Iterator[bytes]:
    """A header and one line for each record, each with its newline."""
    line = io.StringIO()
    writer = csv.DictWriter(line, CSV_FIELDS)
    writer.writeheader()
    for row in _rows(connection, chosen):
        yield _taken(line)
        writer.writerow(msgspec.to_builtins(decode_record(row.record)))
    yield _taken(line)


def write_csv(connection: sa.Connection, chosen: Span, file: TextIO) -> None:
    """One line for each record, with a header."""
    file.writelines(line.decode() for line in csv_lines(connection, chosen))


def read_export(lines: Iterable[bytes]) -> Export:
    """Read a JSON Lines export; raises UnreadableExport when its first line is not one's."""
    reading = iter(lines)
    try:
        start = msgspec.json.decode(next(reading, b""), type=_Start)
        if start.export != FORMAT:
            raise UnreadableExport(f"format {start.export}")
        after = LogPosition(start.after, bytes.fromhex(start.head))
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableExport(str(error)) from error
    rows: list[LogRow] = []
    signed: list[SignedHead] = []
    damaged: list[int] = []
    for line in reading:
        before = rows[-1].sequence if rows else after.sequence
        found = _read_line(line, before + 1)
        if isinstance(found, SignedHead):
            signed.append(found)
        elif found is None:
            number = _SEQUENCE.search(line)
            damaged.append(int(number[1]) if number else before)
        elif line.strip():
            rows.append(found)
    return Export(after, rows, signed, start.last, tuple(damaged))


_LINE = msgspec.json.Decoder(_AnyLine)
_SEQUENCE = re.compile(rb'"sequence":\s*(\d{1,18})\b')
# A line that holds this was a signature, however damaged it is.
_OF_SIGNATURE = b'"signature"'


class _Numbered(Struct, frozen=True):
    sequence: int


def _read_line(line: bytes, expected: int) -> LogRow | SignedHead | None:
    """A record, or a signed head; None: a signed head that cannot be read.

    A record's number is taken from the record itself, for an export has no other; one that cannot be read is taken for the expected one.
    """
    try:
        found = _LINE.decode(line)
        if found.signed is not None:
            return found.signed
        if found.head is not None:
            record = bytes(found.record)
            number = msgspec.json.decode(record, type=_Numbered).sequence
            return LogRow(number, record, bytes.fromhex(found.head))
    except (msgspec.DecodeError, ValueError):
        pass
    return None if _OF_SIGNATURE in line else LogRow(expected, line, b"")


def _taken(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()


def _rows(connection: sa.Connection, chosen: Span) -> Iterator[LogRow]:
    count = chosen.last - chosen.after.sequence
    return rows_after(connection, chosen.after.sequence, count)


def _first_since(connection: sa.Connection, at_ms: int, last: int) -> int:
    """The first record written at or after `at_ms`; the one after the last when there is none."""
    table = tables.transmission_log
    found = connection.execute(
        sa.select(sa.func.min(table.c.sequence)).where(table.c.at_ms >= at_ms)
    ).scalar_one_or_none()
    return last + 1 if found is None else int(found)
