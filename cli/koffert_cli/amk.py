"""`koffert amk`: the emergency centre's register of every transmission."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from sqlalchemy.exc import IntegrityError

from koffert_cli.output import CommandGroup, UserError, json_option, print_json
from koffert_cli.server_log import log_to_stderr
from koffert_hub.amk import (
    AmkSettings,
    initialise_amk,
    load_amk_settings,
    open_replica,
    run_amk,
)
from koffert_hub.amk_web import open_accounts
from koffert_hub.database import reading
from koffert_hub.keys import LOG_KEY_FILE
from koffert_hub.registry import Role, create_user
from koffert_hub.settings import SettingsError
from koffert_hub.setup import wall_ms
from koffert_hub.stopping import until_signal
from koffert_hub.technical_alerts import open_alerts

_CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    required=True,
    help="The register's settings (see config/amk.example.toml).",
)


@click.group(cls=CommandGroup)
def amk() -> None:
    """Hold the register: a live, verified copy of each hub's log."""


@amk.command()
@_CONFIG
@json_option
def init(config: Path, *, as_json: bool) -> None:
    """Make the data folder and the key that countersigns. Safe to repeat."""
    public = initialise_amk(_load(config))
    if as_json:
        print_json({"public_key": str(public)})
    else:
        click.echo(f"Give each hub the public key {public}")


@amk.command()
@_CONFIG
def run(config: Path) -> None:
    """Follow every hub until SIGTERM."""
    settings = _initialised(config)
    log_to_stderr()
    asyncio.run(until_signal(run_amk(settings, wall_ms)))


@amk.command()
@_CONFIG
@json_option
def status(config: Path, *, as_json: bool) -> None:
    """Print what is held of each hub, and open alarms."""
    settings = _initialised(config)
    for hub in settings.hubs:
        replica = open_replica(settings, hub)
        with reading(replica.engine) as connection:
            alerts = open_alerts(connection)
        here, signed = replica.position(), replica.countersigned()
        replica.close()
        if as_json:
            print_json(
                {
                    "hub": hub.name,
                    "records": here.sequence,
                    "head": here.head.hex(),
                    "countersigned": signed[-1].sequence if signed else 0,
                    "alerts": alerts,
                }
            )
            continue
        click.echo(f"{hub.name}: {here.sequence} records, {len(signed)} heads countersigned")
        for alert in alerts:
            click.echo(f"  ALARM {alert.cause}: {alert.detail}")


@amk.command("add-user")
@_CONFIG
@click.argument("username")
@click.option("--name", "display_name", required=True, help="As colleagues know the person.")
@click.option("--admin", is_flag=True, help="Reads the access log instead of the register.")
@click.password_option(help="Asked for when left out.")
def add_user(config: Path, username: str, display_name: str, password: str, *, admin: bool) -> None:
    """Let a person log in to the register's pages."""
    accounts = open_accounts(_initialised(config).data_dir)
    try:
        with accounts.begin() as connection:
            role = Role.ADMIN if admin else Role.AMK
            create_user(connection, username, password, role, display_name)
    except IntegrityError as error:
        raise UserError(f"there is already a user {username}") from error
    finally:
        accounts.dispose()
    click.echo(f"{username} may log in")


@amk.command()
@_CONFIG
@click.argument("name", metavar="HUB")
def heads(config: Path, name: str) -> None:
    """Print the countersigned heads of HUB as JSON Lines, for `koffert log verify --heads`."""
    settings = _initialised(config)
    hub = next((entry for entry in settings.hubs if entry.name == name), None)
    if hub is None:
        raise UserError(f"no hub {name} in {config}")
    replica = open_replica(settings, hub)
    for head in replica.countersigned():
        print_json(head)
    replica.close()


def _load(config: Path) -> AmkSettings:
    try:
        return load_amk_settings(config)
    except SettingsError as error:
        raise UserError(str(error), next_step="compare with config/amk.example.toml") from error


def _initialised(config: Path) -> AmkSettings:
    settings = _load(config)
    if not (settings.data_dir / LOG_KEY_FILE).exists():
        raise UserError(
            f"no register in {settings.data_dir}", next_step=f"koffert amk init --config {config}"
        )
    return settings
