"""`koffert log`: read and verify the transmission log."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError, json_option, print_json
from koffert_hub.log_access import (
    LogSource,
    SourceError,
    find_log,
    newest_records,
    public_keys,
    verify_database,
)


@click.group(cls=CommandGroup)
def log() -> None:
    """Read and verify the register of every transmission."""


@log.command()
@click.argument("source", metavar="HUB_TOML_OR_DB")
@click.option("--count", default=20, show_default=True, help="How many records.")
@json_option
def tail(source: str, count: int, *, as_json: bool) -> None:
    """Print the newest records."""
    for record in newest_records(_database(source), count):
        if as_json:
            print_json(record)
        else:
            fields = msgspec.to_builtins(record)
            shown = " ".join(
                str(fields[name])
                for name in ("event", "result", "device", "lane", "content", "detail")
                if name in fields
            )
            click.echo(f"{record.sequence:8} {record.at_ms} {shown}")


@log.command()
@click.argument("source", metavar="HUB_TOML_OR_DB")
@click.option(
    "--key",
    "keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A public log key (32 raw bytes). Default: log.pub beside the database.",
)
@click.pass_context
@json_option
def verify(context: click.Context, source: str, keys: tuple[Path, ...], *, as_json: bool) -> None:
    """Check the chain, the numbering and the signed heads; name the first bad record.

    Exit code 1 when the log does not hold.
    """
    database = _database(source)
    outcome = verify_database(database, public_keys(keys or database.log_keys))
    if as_json:
        print_json(outcome)
    elif outcome.ok:
        click.echo(f"{outcome.records} records and {outcome.heads} signed heads hold")
    elif outcome.first_bad is not None:
        bad = outcome.first_bad
        click.echo(f"record {bad.sequence}: {bad.fault}; {outcome.records} records before it hold")
    if not outcome.ok:
        context.exit(EXIT_FAILED)


def _database(source: str) -> LogSource:
    try:
        return find_log(source)
    except SourceError as error:
        raise UserError(str(error)) from error
