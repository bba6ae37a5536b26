"""`koffert hub documents`: ECG stills and pages, as the hub holds them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec
import sqlalchemy as sa

from koffert_agent.stills.judging import judge
from koffert_agent.stills.verdict import Damaged, Leave, Take, Wait
from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import CommandGroup, UserError, json_option, print_json
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.documents.importing import import_document
from koffert_hub.documents.records import DocumentLine, NoSuchDocument, NothingToDecide, State
from koffert_hub.documents.store import decide, fetch_document, list_documents
from koffert_hub.registry import RegistryError
from koffert_hub.setup import wall_ms

_T = TypeVar("_T")
_BY = click.option("--by", required=True, help="Who decides: the user's name at this hub.")


@click.group(cls=CommandGroup)
def documents() -> None:
    """ECG stills and pages: look, hand out, take in, decide whose they are."""


@documents.command(name="list")
@CONFIG
@click.option("--patient", help="Only this patient's (the pseudonymous key).")
@click.option("--held", is_flag=True, help="Only those that wait for somebody's decision.")
@json_option
def list_command(config: Path, patient: str | None, *, held: bool, as_json: bool) -> None:
    """Print one line for each document, the newest first."""
    state = State.HELD if held else None
    for line in _look(config, lambda connection: list_documents(connection, patient, state)):
        if as_json:
            print_json(line)
        else:
            click.echo(_line(line))


@documents.command()
@CONFIG
@click.argument("identifier", metavar="ID")
@click.option("--identity", is_flag=True, help="Also whom the cart took the person for.")
@json_option
def show(config: Path, identifier: str, *, identity: bool, as_json: bool) -> None:
    """Print what a document says of itself; the cart's own findings are unconfirmed."""
    found = _look(config, lambda connection: fetch_document(connection, identifier))
    summary = msgspec.to_builtins(found.summary)
    if summary is not None and not identity:
        del summary["patient"]
    if as_json:
        print_json({"document": found.line, "summary": summary})
        return
    click.echo(_line(found.line))
    for name, value in (summary or {}).items():
        click.echo(f"  {name}: {value}")


@documents.command()
@CONFIG
@click.argument("identifier", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def export(config: Path, identifier: str, file: Path, *, as_json: bool) -> None:
    """Write a document, byte for byte as it came, to the new FILE."""
    found = _look(config, lambda connection: fetch_document(connection, identifier))
    try:
        with file.open("xb") as out:
            out.write(found.content)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    if as_json:
        print_json({"bytes": len(found.content), "media_type": found.line.media_type})
    else:
        click.echo(f"{len(found.content)} bytes, {found.line.media_type}")


@documents.command(name="import")
@CONFIG
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--patient", required=True, help="Whose it is (the pseudonymous key).")
@json_option
def import_command(config: Path, file: Path, patient: str, *, as_json: bool) -> None:
    """Take in a still that came another way; the running hub files it within seconds."""
    take = _read(file)
    settings = hub_settings(config)
    engine = open_database(settings.database_url)
    try:
        with engine.begin() as connection:
            identifier = import_document(
                connection,
                patient,
                take.content,
                kind=take.kind,
                media_type=take.media_type,
                now_ms=wall_ms(),
            )
    except RegistryError as error:
        raise UserError(str(error)) from error
    finally:
        engine.dispose()
    if as_json:
        print_json({"document": identifier, "kind": take.kind})
    else:
        click.echo(f"{identifier}: {take.kind}, {len(take.content)} bytes")


@documents.command()
@CONFIG
@click.argument("identifier", metavar="ID")
@_BY
@json_option
def accept(config: Path, identifier: str, by: str, *, as_json: bool) -> None:
    """Say that a held document is this patient's after all."""
    _decide(config, identifier, by, is_theirs=True, as_json=as_json)


@documents.command()
@CONFIG
@click.argument("identifier", metavar="ID")
@_BY
@json_option
def reject(config: Path, identifier: str, by: str, *, as_json: bool) -> None:
    """Say that a held document is not this patient's."""
    _decide(config, identifier, by, is_theirs=False, as_json=as_json)


def _decide(config: Path, identifier: str, by: str, *, is_theirs: bool, as_json: bool) -> None:
    engine = open_database(hub_settings(config).database_url)
    try:
        with engine.begin() as connection:
            state = decide(connection, identifier, is_theirs=is_theirs, by=by, now_ms=wall_ms())
    except (NoSuchDocument, NothingToDecide) as error:
        raise UserError(str(error), next_step="koffert hub documents list --held") from error
    finally:
        engine.dispose()
    if as_json:
        print_json({"document": identifier, "state": state})
    else:
        click.echo(f"{identifier} is {state}")


def _look(config: Path, work: Callable[[sa.Connection], _T]) -> _T:
    engine = open_database(hub_settings(config).database_url)
    try:
        with closing(open_reading(engine)) as connection:
            return work(connection)
    except NoSuchDocument as error:
        raise UserError(str(error), next_step="koffert hub documents list") from error
    finally:
        engine.dispose()


def _read(file: Path) -> Take:
    """The file, and those beside it that it needs; raises UserError."""

    def beside(name: str) -> bytes | None:
        path = file.with_name(name)
        return path.read_bytes() if path.is_file() else None

    match judge(file, file.read_bytes(), beside):
        case Take() as take:
            return take
        case Wait():
            raise UserError("other files of this recording are missing beside it")
        case Damaged(reason):
            raise UserError(reason, next_step="fetch it from the cart once more")
        case Leave(reason):
            raise UserError(f"this is no still that is read here: {reason}")


def _line(line: DocumentLine) -> str:
    taken = datetime.fromtimestamp(line.taken_ms / 1000, UTC)
    why = f" ({line.reason})" if line.reason else ""
    return f"{line.id}  {taken:%Y-%m-%d %H:%M} UTC  {line.kind:18} {line.state}{why}"
