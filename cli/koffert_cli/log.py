"""`koffert log`: read and verify the transmission log."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from sqlalchemy.exc import DatabaseError

from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError, json_option, print_json
from koffert_hub.log_access import (
    LogSource,
    SourceError,
    find_log,
    newest_records,
    opened,
    public_keys,
    verify_database,
    verify_export,
)
from koffert_hub.log_export import (
    CSV_FIELDS,
    UnreadableExport,
    json_lines,
    read_export,
    span,
    write_csv,
)
from koffert_hub.log_record import Event, LogRecord, SignedHead
from koffert_hub.log_search import Query
from koffert_hub.log_search import search as find
from koffert_hub.log_verify import Verification

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
    with opened(_database(source)) as connection:
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
    with opened(_database(source)) as connection:
        for record in find(connection, query, count):
            _show(record, as_json=as_json)


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
    with opened(_database(source)) as connection:
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
@click.pass_context
@json_option
def verify(
    context: click.Context,
    source: str,
    keys: tuple[Path, ...],
    heads: BinaryIO | None,
    *,
    as_json: bool,
) -> None:
    """Check the chain, the numbering and the signed heads; name the first bad record.

    Works offline: an export (.jsonl) and the public keys are enough. Exit code 1 when it does not hold.
    """
    outcome = _verified(source, keys, heads)
    if as_json:
        print_json(outcome)
    elif outcome.ok:
        click.echo(f"{outcome.records} records and {outcome.heads} signed heads hold")
        if not outcome.heads:
            click.echo(
                "No signature was checked: who rewrites all of it can make it hold. Give --key."
            )
    elif outcome.first_bad is not None:
        bad = outcome.first_bad
        click.echo(f"record {bad.sequence}: {bad.fault}; {outcome.records} records before it hold")
    if not outcome.ok:
        context.exit(EXIT_FAILED)


def _verified(source: str, key_files: tuple[Path, ...], heads: BinaryIO | None) -> Verification:
    try:
        extra = [msgspec.json.decode(line, type=SignedHead) for line in heads or ()]
    except msgspec.DecodeError as error:
        raise UserError(f"--heads: {error}") from error
    try:
        keys = public_keys(key_files)
    except ValueError as error:
        raise UserError(f"--key: not a public log key ({error})") from error
    try:
        if _is_export(source):
            with Path(source).open("rb") as file:
                return verify_export(read_export(file), keys, extra)
        database = _database(source)
        return verify_database(database, keys or public_keys(database.log_keys), extra)
    except (OSError, UnreadableExport, DatabaseError) as error:
        raise UserError(f"{source}: {error}") from error


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
    when = datetime.fromtimestamp(record.at_ms / 1_000, UTC).isoformat(timespec="seconds")
    parts = (record.event, record.result, record.device, record.lane, record.content, record.detail)
    click.echo(f"{record.sequence:8} {when} {' '.join(part for part in parts if part)}")


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1_000)


def _database(source: str) -> LogSource:
    try:
        return find_log(source)
    except SourceError as error:
        raise UserError(str(error)) from error
