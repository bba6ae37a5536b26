"""`koffert hub simulate`: how many boxes a machine takes, on a site that lives as long as the command."""

import asyncio
import tempfile
from pathlib import Path

import click
import msgspec
import sqlalchemy as sa

from koffert_cli.demonstration.stopping import interruptible
from koffert_cli.hub_options import load_hub_settings
from koffert_cli.output import UserError, json_option, print_json
from koffert_cli.simulation.load import LoadTest, Totals
from koffert_hub.database import open_database
from koffert_hub.settings import Settings

MOST_BOXES = 20_000
MOST_WORKERS = 16
_MEANING = {
    "boxes": "connected, each with its own certificate",
    "exacerbations": "of their simulated patients",
    "seconds": "from the first reading to the last receipt",
    "sent": "readings",
    "receipted": "that the hub said it has stored",
    "stored": "in the hub's log",
    "lost": "receipted and not stored: must be 0",
    "duplicates": "stored more than once: must be 0",
    "waiting": "without a receipt at the end: if not 0, more than this machine takes",
    "receipted_per_s": "",
    "latency_p50_ms": "reading to receipt; a box that streams is told every 2 s at the most",
    "latency_p99_ms": "",
}


@click.command()
@click.option(
    "--boxes",
    type=click.IntRange(1, MOST_BOXES),
    default=100,
    show_default=True,
    help="Boxes, each with a certificate, a link and a patient of its own.",
)
@click.option(
    "--rate",
    "rate_hz",
    type=click.FloatRange(min=0, min_open=True, max=100),
    default=1.0,
    show_default=True,
    help="Readings a second of each box, each in a transmission of its own.",
)
@click.option(
    "--duration",
    "duration_s",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Send for SECONDS; Ctrl-C ends it sooner.",
)
@click.option(
    "--labels",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a JSON line for each box: its patient, and how far the simulated exacerbation has come.",
)
@click.option(
    "--stores",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of a hub: its `database`, which must be empty, and its `[time_series]` are used, and keep what was simulated.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, MOST_WORKERS),
    default=0,
    show_default=True,
    help="Let so many workers take in, instead of the hub; needs PostgreSQL in --stores.",
)
@json_option
def simulate(
    *,
    boxes: int,
    rate_hz: float,
    duration_s: float,
    labels: Path | None,
    stores: Path | None,
    workers: int,
    as_json: bool,
) -> None:
    """Load a broker and a hub of its own, on loopback, with simulated boxes; print what was counted.

    Nothing of a hub in use is touched. The boxes seal, number and authenticate as real ones do and wait for
    receipts; the patients follow a simulated cohort, not a real one.
    """
    given = None if stores is None else _empty_stores(stores)
    if workers and (given is None or given.database is None):
        raise UserError("several workers need PostgreSQL", next_step="--stores hub.toml")
    with tempfile.TemporaryDirectory(prefix="koffert-load-") as folder:
        load = LoadTest(Path(folder), boxes, _report, stores=given, workers=workers)
        if labels is not None:
            _write_labels(load, labels)
        counted = asyncio.run(_run(load, duration_s, rate_hz))
    if as_json:
        print_json(counted)
    else:
        for name, value in msgspec.structs.asdict(counted).items():
            click.echo(f"{name:16} {'–' if value is None else value:>9}  {_MEANING[name]}".rstrip())
        if given is not None and given.database is not None:
            click.echo("What was simulated stays in the database: drop it.")


async def _run(load: LoadTest, duration_s: float, rate_hz: float) -> Totals:
    with interruptible() as stop:
        return await load.run(duration_s, rate_hz, stop)


def _empty_stores(file: Path) -> Settings:
    """The settings, if nothing lies in their database; raises UserError."""
    settings = load_hub_settings(file)
    if settings.database is None:
        return settings
    try:
        engine = open_database(settings.database)
        found = sa.inspect(engine).get_table_names()
        engine.dispose()
    except sa.exc.SQLAlchemyError as error:
        raise UserError(f"database: {error}") from error
    if found:
        raise UserError(
            f"the database in {file} is not empty", next_step="createdb, and name that one"
        )
    return settings


def _write_labels(load: LoadTest, file: Path) -> None:
    file.write_bytes(b"".join(msgspec.json.encode(label) + b"\n" for label in load.labels))


def _report(step: str) -> None:
    click.echo(f"… {step}", err=True)
