"""What the commands at the centre share: where the hub's settings are, and how to read them."""

from __future__ import annotations

from pathlib import Path

import click

from koffert_cli.output import UserError
from koffert_hub.keys import LOG_KEY_FILE
from koffert_hub.settings import Settings, SettingsError, load_settings

CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    required=True,
    help="The hub's settings (see config/hub.example.toml).",
)


def load_hub_settings(config: Path) -> Settings:
    """The settings; raises UserError."""
    try:
        return load_settings(config)
    except SettingsError as error:
        raise UserError(str(error), next_step="compare with config/hub.example.toml") from error


def hub_settings(config: Path) -> Settings:
    """The settings of a hub that `koffert hub init` has made; raises UserError."""
    settings = load_hub_settings(config)
    if not (settings.data_dir / LOG_KEY_FILE).exists():
        raise UserError(
            f"no hub in {settings.data_dir}", next_step=f"koffert hub init --config {config}"
        )
    return settings
