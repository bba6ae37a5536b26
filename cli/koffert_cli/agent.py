"""`koffert agent`: run the box."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from koffert_agent.settings import Settings
    from koffert_wire.messages import Reading

CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/koffert/agent.toml"),
    show_default=True,
    help="The box's settings.",
)


@click.group(cls=CommandGroup)
def agent() -> None:
    """Run the box that stands with the patient, and look into it."""


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

    settings = _settings(config)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    asyncio.run(_run(settings, _acknowledger(acknowledgements)))


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


def _settings(config: Path) -> Settings:
    from koffert_agent.settings import SettingsError, load_settings  # noqa: PLC0415

    try:
        return load_settings(config)
    except SettingsError as error:
        raise UserError(str(error), next_step="compare with config/agent.example.toml") from error


def _acknowledger(file: TextIO | None) -> Callable[[Reading], None]:
    def acknowledge(reading: Reading) -> None:
        if file is not None:
            file.write(f"{reading.id.hex()} {reading.at.boottime_ns} {reading.at.wall_ns}\n")
            file.flush()

    return acknowledge
