"""What the commands of the box share: where its settings are, and how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.output import UserError

if TYPE_CHECKING:
    from koffert_agent.settings import Settings

CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/koffert/agent.toml"),
    show_default=True,
    help="The box's settings.",
)


def settings_of(config: Path) -> Settings:
    """The settings of an enrolled box; raises UserError."""
    from koffert_agent.settings import SettingsError, load_settings  # noqa: PLC0415

    try:
        return load_settings(config)
    except SettingsError as error:
        raise UserError(str(error), next_step="compare with config/agent.example.toml") from error


def data_dir_of(config: Path) -> Path:
    """Where a box keeps its data, enrolled or not; raises UserError."""
    from koffert_agent.settings import SettingsError, read_data_dir  # noqa: PLC0415

    try:
        return read_data_dir(config)
    except SettingsError as error:
        raise UserError(str(error), next_step="compare with config/agent.example.toml") from error
