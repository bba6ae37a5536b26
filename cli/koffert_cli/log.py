"""`koffert log`: read and verify the transmission log."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.exc import DatabaseError

from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError, json_option, print_json
from koffert_hub.log_access import (
    LogSource,
    SourceError,
    find_log,
    newest_records,
    opened,
    public_keys,
    verify_connection,
    verify_database,
    verify_export,
)
from koffert_hub.log_export import (
    CSV_FIELDS,
    Export,
    UnreadableExport,
    json_lines,
    read_export,
    span,
    write_csv,
)
from koffert_hub.log_record import Event, LogRecord, SignedHead
from koffert_hub.log_search import Query
from koffert_hub.log_search import search as find
from koffert_hub.log_verify import Fault, FirstBad, LogRow, Verification
from koffert_hub.transmission_log import rows_after

_MEANING = {
    Fault.MISSING: "It is not there.",
    Fault.UNREADABLE: "It is damaged: what stands there is no record.",
    Fault.WRONG_NUMBER: "Another record stands in its place.",
    Fault.BROKEN_CHAIN: "It was altered: its hash does not follow from the record before it.",
    Fault.CONTRADICTS_SIGNED_HEAD: "The log was rewritten: every hash fits, but not what was signed.",
    Fault.BAD_SIGNATURE: "The signature on it was not made by the key that it names.",
    Fault.RETIRED_KEY: "It was signed with a log key that had been put out of use.",
    Fault.UNKNOWN_KEY: "It was signed by none of the keys that were given.",
    Fault.UNEXPECTED: "It stands after the last record that the log counts.",
    Fault.DIFFERS_FROM_COPY: "It is another one than in the copy.",
    Fault.TIME_COLUMN: "The record holds, but the time by which it is searched was altered.",
    Fault.DEVICE_COLUMN: "The record holds, but the device by which it is searched was altered.",
    Fault.BODY_CHANGED: "The record holds, but what was sent was altered in the database.",
    Fault.BODY_OF_ANOTHER: "The record holds, but what was sent stands under another patient, loan or device.",
    Fault.BODY_MISSING: "The record holds, but what was sent is gone, and the log names no erasure.",
    Fault.BODY_NOT_LOGGED: "Something lies in the database as if it had been sent; the log knows nothing of it.",
}
_CSV_START = ",".join(CSV_FIELDS[:2]).encode()


@click.group(cls=CommandGroup)
def log() -> None:
    """Read and verify the register of every transmission."""


@log.command()
@click.argument("source", metavar="HUB_TOML_OR_DB")
@click.option("--count", default=20, show_default=True, help="How many records.")
@json_option
def tail(source: str, count: int, *, as_json: bool) -> None:
    """Print the newest records."""
    with _log_of(source) as connection:
        for record in newest_records(connection, count):
            _show(record, as_json=as_json)


@log.command()
@click.argument("source", metavar="HUB_TOML_OR_DB")
@click.option("--device", help="The box.")
@click.option("--patient", help="The pseudonymous key.")
@click.option("--loan", help="The loan.")
@click.option("--transmission", help="The id, in hex.")
@click.option("--event", type=click.Choice([event.value for event in Event]))
@click.option("--from", "start", type=click.DateTime(), help="Since this time, UTC.")
@click.option("--until", type=click.DateTime(), help="Before this time, UTC.")
@click.option("--count", default=100, show_default=True, help="At most so many.")
@json_option
def search(
    source: str,
    start: datetime | None,
    until: datetime | None,
    event: str | None,
    count: int,
    *,
    as_json: bool,
    device: str | None,
    patient: str | None,
    loan: str | None,
    transmission: str | None,
) -> None:
    """Look transmissions up in a hub's log or a replica, the newest first."""
    query = Query(
        device=device,
        patient=patient,
        loan=loan,
        transmission=transmission,
        event=Event(event) if event else None,
        from_ms=_ms(start),
        until_ms=_ms(until),
    )
    with _log_of(source) as connection:
        found = False
        for record in find(connection, query, count):
            found = True
            _show(record, as_json=as_json)
    if not found:
        click.echo("No record matches.", err=True)


@log.command()
@click.argument("source", metavar="HUB_TOML_OR_DB")
@click.argument("out", type=click.File("wb"))
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl")
@click.option("--from", "start", type=click.DateTime(), help="Since this time, UTC.")
@click.option("--until", type=click.DateTime(), help="Before this time, UTC.")
def export(
    source: str, out: BinaryIO, kind: str, start: datetime | None, until: datetime | None
) -> None:
    """Write the log to OUT (- for stdout): JSON Lines verify offline, CSV is for reading."""
    with _log_of(source) as connection:
        chosen = span(connection, _ms(start), _ms(until))
        if kind == "jsonl":
            out.writelines(json_lines(connection, chosen))
        else:
            text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
            write_csv(connection, chosen, text)
            text.detach()


@log.command()
@click.argument("source", metavar="EXPORT_OR_HUB_TOML_OR_DB")
@click.option(
    "--key",
    "keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A public log key, the hub's or the emergency centre's. Default: log.pub beside the database.",
)
@click.option(
    "--heads",
    type=click.File("rb"),
    help="Countersigned heads to hold the log against (`koffert amk heads`).",
)
@click.option(
    "--against",
    metavar="COPY",
    help="A copy that nobody at the hub can write: the emergency centre's replica, an earlier export.",
)
@click.pass_context
@json_option
def verify(
    context: click.Context,
    source: str,
    keys: tuple[Path, ...],
    heads: BinaryIO | None,
    against: str | None,
    *,
    as_json: bool,
) -> None:
    """Check the chain, the numbering and the signed heads; name the first bad record.

    Of a hub's own database also what lies beside the log: the bodies and what is searched by. An export (.jsonl) and the
    public keys are enough to verify offline. Exit code 1 when it does not hold.
    """
    outcome = _verified(source, keys, heads, against)
    if as_json:
        print_json(outcome)
    elif outcome.ok:
        _tell_good(outcome)
    elif outcome.first_bad is not None:
        _tell(outcome.first_bad, outcome.records, exact=against is not None)
    if not outcome.ok:
        context.exit(EXIT_FAILED)


def _tell_good(outcome: Verification) -> None:
    """What holds, and how far somebody has signed for it."""
    click.echo(f"{outcome.records} records and {outcome.heads} signed heads hold")
    if outcome.heads:
        click.echo(
            f"  Signed up to record {outcome.signed_to}; what may follow rests on the chain alone."
        )
    elif outcome.unchecked_heads:
        click.echo(
            f"  None of the {outcome.unchecked_heads} signatures was checked: who rewrites all of it can make it hold. Give --key."
        )
    elif outcome.records:
        click.echo("  Nobody has signed it yet: who rewrites all of it can make it hold.")


def _tell(bad: FirstBad, held: int, *, exact: bool) -> None:
    """What is wrong, in words."""
    click.echo(f"record {bad.sequence}: {bad.fault}; {held} records before it hold")
    click.echo(f"  {_MEANING[bad.fault]}")
    if bad.after is not None:
        click.echo(f"  The altered record is one of {bad.after + 1} to {bad.sequence}.")
        if not exact:
            click.echo("  A copy names it: --against REPLICA_OR_EARLIER_EXPORT")


def _verified(
    source: str, key_files: tuple[Path, ...], heads: BinaryIO | None, against: str | None
) -> Verification:
    try:
        extra = [msgspec.json.decode(line, type=SignedHead) for line in heads or ()]
    except msgspec.DecodeError as error:
        raise UserError(f"--heads: {error}") from error
    try:
        keys = public_keys(key_files)
    except ValueError as error:
        raise UserError(f"--key: not a public log key ({error})") from error
    try:
        with _copy(against, keys) as copy:
            if _is_export(source):
                return verify_export(_read(source), keys, extra, copy)
            database = _database(source)
            return verify_database(database, keys or public_keys(database.log_keys), extra, copy)
    except (OSError, UnreadableExport, DatabaseError) as error:
        raise UserError(f"{source}: {error}") from error


@contextmanager
def _copy(against: str | None, keys: Sequence[Ed25519PublicKey]) -> Iterator[Iterable[LogRow]]:
    """The rows of the copy; raises UserError when it does not hold itself."""
    if against is None:
        yield ()
    elif _is_export(against):
        export = _read(against)
        _must_hold(against, verify_export(export, keys))
        yield export.rows
    else:
        with opened(_database(against)) as connection:
            _must_hold(against, verify_connection(connection, keys))
            yield rows_after(connection, 0)


def _must_hold(copy: str, outcome: Verification) -> None:
    if outcome.first_bad is not None:
        bad = outcome.first_bad
        raise UserError(
            f"--against: {copy} does not hold itself: record {bad.sequence}: {bad.fault}"
        )


def _read(source: str) -> Export:
    with Path(source).open("rb") as file:
        return read_export(file)


def _is_export(source: str) -> bool:
    """By its first byte, whatever it is called; raises UserError for a CSV."""
    path = Path(source)
    if not path.is_file():
        return source.endswith(".jsonl")
    with path.open("rb") as file:
        start = file.read(len(_CSV_START))
    if start == _CSV_START:
        raise UserError(
            f"{source}: a CSV holds no hashes and proves nothing",
            next_step="koffert log export HUB_TOML_OR_DB OUT.jsonl, and verify that",
        )
    return start.startswith(b"{") or source.endswith(".jsonl")


def _show(record: LogRecord, *, as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    when = datetime.fromtimestamp(record.at_ms / 1_000, UTC).isoformat(" ", "seconds")[:19]
    size = "" if record.bytes is None else f"{record.bytes} B"
    kind = record.content or record.event
    line = f"{record.sequence:8} {when} {record.direction:4} {record.device or '–':16} {kind:14}"
    click.echo(f"{line} {size:>9} {record.result:11} {record.detail or ''}".rstrip())


@contextmanager
def _log_of(source: str) -> Iterator[sa.Connection]:
    """The log that `source` names, opened; raises UserError where there is none."""
    try:
        with opened(_database(source)) as connection:
            yield connection
    except DatabaseError as error:
        raise UserError(
            f"{source}: {error.orig}",
            probable_cause="an export, or a file of another kind",
            next_step="name a hub's settings, its database or a replica",
        ) from error


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1_000)


def _database(source: str) -> LogSource:
    try:
        return find_log(source)
    except SourceError as error:
        raise UserError(str(error)) from error
