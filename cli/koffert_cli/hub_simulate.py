"""`koffert hub simulate`: how many boxes a machine takes, on a site that lives as long as the command."""

import asyncio
import tempfile
from pathlib import Path

import click
import msgspec

from koffert_cli.demonstration.stopping import interruptible
from koffert_cli.output import json_option, print_json
from koffert_cli.simulation.load import LoadTest, Totals

MOST_BOXES = 20_000


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
@json_option
def simulate(
    *, boxes: int, rate_hz: float, duration_s: float, labels: Path | None, as_json: bool
) -> None:
    """Load a broker and a hub of its own, on loopback, with simulated boxes; print what was counted.

    Nothing of a hub in use is touched. The boxes seal, number and authenticate as real ones do and wait for
    receipts; the patients follow a simulated cohort, not a real one.
    """
    counted = asyncio.run(_simulate(boxes, rate_hz, duration_s, labels))
    if as_json:
        print_json(counted)
    else:
        for name, value in msgspec.structs.asdict(counted).items():
            click.echo(f"{name:16} {'–' if value is None else value}")


async def _simulate(boxes: int, rate_hz: float, duration_s: float, labels: Path | None) -> Totals:
    with tempfile.TemporaryDirectory(prefix="koffert-load-") as folder, interruptible() as stop:
        load = LoadTest(Path(folder), boxes, _report)
        if labels is not None:
            _write_labels(load, labels)
        return await load.run(duration_s, rate_hz, stop)


def _write_labels(load: LoadTest, file: Path) -> None:
    file.write_bytes(b"".join(msgspec.json.encode(label) + b"\n" for label in load.labels))


def _report(step: str) -> None:
    click.echo(f"… {step}", err=True)
