"""`koffert hub add-user`: the first administrator, who lets in everyone else by web."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from sqlalchemy.exc import IntegrityError

from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import UserError
from koffert_hub.database import open_database
from koffert_hub.registry import Role, create_user


@click.command("add-user")
@CONFIG
@click.argument("username")
@click.option("--name", "display_name", required=True, help="As colleagues know the person.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.ADMIN,
    show_default=True,
)
@click.option("--unit", help="Where a receiver works: an id of [receiving_units].")
@click.password_option(help="Asked for when left out.")
def add_user_command(
    *,
    config: Path,
    username: str,
    display_name: str,
    role: str,
    unit: str | None,
    password: str,
) -> None:
    """Let a person log in to the hub's pages."""
    settings = hub_settings(config)
    _check_unit(Role(role), unit, settings.receiving_units)
    engine = open_database(settings.database_url)
    try:
        with engine.begin() as connection:
            create_user(connection, username, password, Role(role), display_name, unit=unit)
    except IntegrityError as error:
        raise UserError(f"there is already a user {username}") from error
    finally:
        engine.dispose()
    click.echo(f"{username} may log in")


def _check_unit(role: Role, unit: str | None, units: Mapping[str, str]) -> None:
    if role is not Role.RECEIVER and unit is not None:
        raise UserError("only a receiver works at a unit: leave --unit out")
    if role is Role.RECEIVER and unit not in units:
        known = ", ".join(units) or "none; name them under [receiving_units] in hub.toml"
        raise UserError(f"a receiver needs --unit, one of: {known}")
