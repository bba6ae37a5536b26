"""`koffert agent kiosk` and `koffert agent voices`: the patient's screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.agent_options import CONFIG
from koffert_cli.output import EXIT_FAILED, UserError

if TYPE_CHECKING:
    from koffert_agent.kiosk.settings import KioskPlace


@click.command()
@CONFIG
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Another port than the settings', on loopback."
)
def kiosk(config: Path, port: int | None) -> None:
    """Serve the patient's page on this box's own screen, until SIGTERM or Ctrl-C."""
    import asyncio  # noqa: PLC0415 - `koffert --help` does without it
    import logging  # noqa: PLC0415

    from koffert_agent.clock import SystemClock  # noqa: PLC0415
    from koffert_agent.kiosk import server  # noqa: PLC0415

    place = _place_of(config)
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    asyncio.run(server.run(place, SystemClock(), port or place.settings.port))


@click.command()
@CONFIG
def voices(config: Path) -> None:
    """Let espeak-ng speak every sentence of the patient's page, in each language, into `kiosk.voices`, once."""
    from koffert_agent.kiosk.catalogue import LANGUAGES, load_catalogue  # noqa: PLC0415
    from koffert_agent.kiosk.speech import NoVoiceError, render, sentences  # noqa: PLC0415

    place = _place_of(config)
    settings = place.settings
    if place.voices is None:
        raise UserError("kiosk.voices names no folder", next_step=f'add voices = "…" to {config}')
    # The language of the settings first: where two share a sentence, it has that one's voice.
    languages = sorted(LANGUAGES, key=lambda one: one != settings.language)
    try:
        count = sum(
            render(place.voices, one, sentences(load_catalogue(one), settings.nurse_telephone))
            for one in languages
        )
    except NoVoiceError as error:
        raise UserError(
            str(error),
            probable_cause="spoken prompts are optional, and the page does without",
            next_step="as root: apt-get install espeak-ng",
            exit_code=EXIT_FAILED,
        ) from error
    click.echo(f"{count} sentences spoken into {place.voices}")


def _place_of(config: Path) -> KioskPlace:
    from koffert_agent.kiosk.settings import (  # noqa: PLC0415
        KioskSettingsError,
        load_kiosk_settings,
    )

    try:
        return load_kiosk_settings(config)
    except KioskSettingsError as error:
        raise UserError(str(error), next_step="compare with config/agent.example.toml") from error
