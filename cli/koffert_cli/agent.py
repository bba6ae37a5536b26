"""`koffert agent`: run the box."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.agent_identity import enrol, set_loan
from koffert_cli.agent_kiosk import kiosk, voices
from koffert_cli.agent_meters import devices, meters, pair, scan, unpair
from koffert_cli.agent_options import CONFIG, settings_of
from koffert_cli.agent_video import video
from koffert_cli.agent_wipe import wipe
from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError, json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from koffert_agent.settings import Settings
    from koffert_wire.messages import Reading


@click.group(cls=CommandGroup)
def agent() -> None:
    """Run the box that stands with the patient, and look into it."""


agent.add_command(enrol)
agent.add_command(set_loan)
agent.add_command(video)
agent.add_command(wipe)
agent.add_command(kiosk)
agent.add_command(voices)
agent.add_command(scan)
agent.add_command(pair)
agent.add_command(unpair)
agent.add_command(devices)
agent.add_command(meters)


@agent.command()
@CONFIG
@click.option(
    "--acknowledgements",
    type=click.File("a", lazy=False),
    help="Write a line `id boottime_ns wall_ns` for each reading that is safe on disk; - is stdout.",
)
@click.option("--verbose", is_flag=True, help="Log every retry too.")
def run(config: Path, acknowledgements: TextIO | None, *, verbose: bool) -> None:
    """Read the meters and send what they say to the hub, until SIGTERM or Ctrl-C."""
    import asyncio  # noqa: PLC0415 - `koffert --help` does without it
    import logging  # noqa: PLC0415

    settings = settings_of(config)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    asyncio.run(_run(settings, _acknowledger(acknowledgements)))


@agent.command()
@CONFIG
@json_option
def status(config: Path, *, as_json: bool) -> None:
    """Ask the running agent for its queue, link, disk, clock and meters."""
    import asyncio  # noqa: PLC0415

    from koffert_agent.status import NotRunningError, ask  # noqa: PLC0415
    from koffert_cli.agent_report import status_lines  # noqa: PLC0415

    settings = settings_of(config)
    try:
        answer = asyncio.run(ask(settings.data_dir))
    except NotRunningError as error:
        raise UserError(
            str(error),
            probable_cause="it is not started, runs as another user, or hangs",
            next_step="koffert agent doctor",
            exit_code=EXIT_FAILED,
        ) from error
    if as_json:
        print_json(answer)
    else:
        click.echo("\n".join(status_lines(answer)))


@agent.command()
@CONFIG
@json_option
@click.pass_context
def doctor(context: click.Context, config: Path, *, as_json: bool) -> None:
    """Look at all that the box needs; the last line says what to mend first, or that it is ready."""
    import asyncio  # noqa: PLC0415

    from koffert_agent.clock import SystemClock  # noqa: PLC0415
    from koffert_agent.doctor import examine, first_to_mend  # noqa: PLC0415
    from koffert_cli.agent_report import finding_lines, verdict_line  # noqa: PLC0415

    findings = asyncio.run(examine(settings_of(config), SystemClock()))
    first = first_to_mend(findings)
    if as_json:
        print_json({"ready": first is None, "first": first, "findings": findings})
    else:
        click.echo("\n".join([*finding_lines(findings), "", verdict_line(first)]))
    if first is not None:
        context.exit(EXIT_FAILED)


async def _run(settings: Settings, acknowledge: Callable[[Reading], None]) -> None:
    import asyncio  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from koffert_agent import gateway  # noqa: PLC0415
    from koffert_agent.clock import SystemClock  # noqa: PLC0415
    from koffert_agent.outbox.records import OutboxError  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await gateway.run(settings, SystemClock(), stop, acknowledge)
    except OutboxError as error:
        raise UserError(
            f"the outbox in {settings.data_dir} cannot be used: {error}",
            next_step="koffert agent doctor",
            exit_code=EXIT_FAILED,
        ) from error


def _acknowledger(file: TextIO | None) -> Callable[[Reading], None]:
    def acknowledge(reading: Reading) -> None:
        if file is not None:
            file.write(f"{reading.id.hex()} {reading.at.boottime_ns} {reading.at.wall_ns}\n")
            file.flush()

    return acknowledge
