"""`koffert hub`: set up, run and look after the hub."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from koffert_cli.device_work import change
from koffert_cli.hub_options import CONFIG, hub_settings, load_hub_settings
from koffert_cli.hub_patient import patient
from koffert_cli.hub_users import add_user_command
from koffert_cli.output import CommandGroup, UserError, json_option, print_json
from koffert_cli.server_log import log_to_stderr
from koffert_hub.backup import BackupError, Restored, back_up, restore, restore_log
from koffert_hub.database import open_database
from koffert_hub.log_keys import rotate
from koffert_hub.projector import rebuild as rebuild_time_series
from koffert_hub.quarantine import held
from koffert_hub.quarantine import requeue as requeue_items
from koffert_hub.settings import Settings
from koffert_hub.setup import initialise, new_epoch, wall_ms
from koffert_hub.status import read_status
from koffert_hub.technical_alerts import Cause, close_alert
from koffert_hub.time_series.opening import open_time_series
from koffert_hub.upkeep import Upkeep, keep_up

# What `hub rebuild` can make again, and what it then counts.
_MADE = {"time-series": "readings", "documents": "documents", "spirometry": "sessions"}


# Sub-commands that take numpy: imported when they are asked for.
_LATE = {"documents": "koffert_cli.hub_documents", "simulate": "koffert_cli.hub_simulate"}


class HubGroup(CommandGroup):
    """Imports the heavy sub-commands when they are asked for."""

    group_class = CommandGroup  # type: ignore[assignment]  # sub-groups have none of these

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(_LATE[cmd_name]), cmd_name)
        return command


@click.group(cls=HubGroup)
def hub() -> None:
    """Set up, run and look after the hub of a centre."""


@hub.command()
@CONFIG
@click.option(
    "--root-passphrase-file",
    "passphrase_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its first line protects the root's key; without it you are asked.",
)
@json_option
def init(config: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Make the data folder: keys, tables, log, and the authority of boxes. Safe to repeat."""
    from koffert_cli.ceremony import (  # noqa: PLC0415 - only this one makes keys
        hold_ceremony,
        root_passphrase,
        show_ceremony,
    )

    settings = load_hub_settings(config)
    passphrase = root_passphrase(settings, passphrase_file)
    centre = initialise(settings)
    prepared = hold_ceremony(settings, passphrase)
    if as_json:
        data_dir = str(settings.data_dir)
        print_json({"centre": centre, "data_dir": data_dir, "authority": prepared})
    else:
        click.echo(f"Centre {centre}, data in {settings.data_dir}")
        show_ceremony(prepared)


@hub.command()
@CONFIG
@click.option("--without-ingest", is_flag=True, help="Leave the taking in to `koffert hub worker`.")
def run(config: Path, *, without_ingest: bool) -> None:
    """Run ingest, projector and web pages until SIGTERM."""
    from koffert_hub.alerts.rules import RulesError  # noqa: PLC0415 - only this one reads them
    from koffert_hub.service import run_hub  # noqa: PLC0415 - only these two need the web stack
    from koffert_hub.web.senders import UnfitKey  # noqa: PLC0415 - as above

    settings = hub_settings(config)
    log_to_stderr()
    try:
        asyncio.run(run_hub(settings, config, ingest=not without_ingest))
    except RulesError as error:
        raise UserError(
            str(error), next_step="put them where `rules` in the settings says"
        ) from error
    except UnfitKey as error:
        raise UserError(str(error), next_step="openssl rand -base64 24 > KEY_FILE") from error


@hub.command()
@CONFIG
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    help="Serve /metrics and /healthz of this worker on this loopback port.",
)
def worker(config: Path, metrics_port: int | None) -> None:
    """Take in beside other workers until SIGTERM; needs PostgreSQL.

    The broker deals the boxes' messages out among all workers; run the pages and the projector with
    `koffert hub run --without-ingest`.
    """
    from koffert_hub.service import run_worker  # noqa: PLC0415

    settings = hub_settings(config)
    if settings.database_url.startswith("sqlite"):
        raise UserError(
            "several workers need PostgreSQL", next_step="set `database` in the settings"
        )
    log_to_stderr()
    asyncio.run(run_worker(settings, metrics_port))


@hub.command()
@CONFIG
@json_option
def status(config: Path, *, as_json: bool) -> None:
    """Print counts, the log's head, gaps and open technical alerts."""
    found = read_status(hub_settings(config))
    if as_json:
        print_json(found)
        return
    click.echo(f"log         {found.log_records} records, head {found.log_head[:16]}…")
    click.echo(f"stored      {found.transmissions} transmissions")
    click.echo(f"quarantined {found.quarantined}")
    click.echo(f"lost        {found.lost} places in outboxes, {found.on_their_way} on their way")
    for alert in found.alerts:
        click.echo(f"alert       {alert.device}: {alert.cause} ×{alert.count} ({alert.detail})")


@hub.command("close-alert")
@CONFIG
@click.argument("device")
@click.argument("cause", type=click.Choice([cause.value for cause in Cause]), metavar="CAUSE")
def close_technical(config: Path, device: str, cause: str) -> None:
    """Close the open technical alert of DEVICE with this CAUSE: somebody has dealt with it."""
    closed = change(
        hub_settings(config),
        lambda connection: close_alert(connection, device, Cause(cause), now_ms=wall_ms()),
    )
    if not closed:
        raise UserError(f"{device} has no open alert {cause}", next_step="koffert hub status")
    click.echo(f"closed {device}: {cause}")


@hub.group()
def quarantine() -> None:
    """Show what could not be filed."""


@quarantine.command(name="list")
@CONFIG
@json_option
def list_quarantine(config: Path, *, as_json: bool) -> None:
    """Print one line for each payload in quarantine."""
    for item in held(hub_settings(config)):
        if as_json:
            print_json(item)
        else:
            click.echo(f"{item.id:6} {item.device:20} {item.reason:20} {item.detail}")


@hub.command()
@CONFIG
@click.argument("items", type=int, nargs=-1)
@json_option
def requeue(config: Path, items: tuple[int, ...], *, as_json: bool) -> None:
    """Take payloads out of quarantine through ingest again: ITEMS, or all."""
    outcome = requeue_items(hub_settings(config), items)
    if as_json:
        print_json(outcome)
    else:
        click.echo(
            f"{outcome.stored} stored, {outcome.still_held} still held, {outcome.discarded} discarded"
        )


@hub.command()
@CONFIG
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def backup(config: Path, folder: Path, *, as_json: bool) -> None:
    """Copy database and keys to the new FOLDER; the hub may run. Keep it as safe as the hub."""
    try:
        sequence = back_up(hub_settings(config), folder)
    except BackupError as error:
        raise UserError(str(error)) from error
    if as_json:
        print_json({"log_records": sequence})
    else:
        click.echo(f"Everything up to record {sequence} is in {folder}")


@hub.command(name="restore")
@CONFIG
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--replica",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The emergency centre's copy of this hub's log: the records after the backup come from it.",
)
@json_option
def restore_command(config: Path, folder: Path, replica: Path | None, *, as_json: bool) -> None:
    """Put the backup in FOLDER in place of a hub that is gone, under a new epoch."""
    try:
        restored = restore(
            load_hub_settings(config), folder, new_epoch(), replica=replica, now_ms=wall_ms()
        )
    except BackupError as error:
        raise UserError(str(error)) from error
    if as_json:
        print_json(restored)
    else:
        _tell_restored(restored)


@hub.command()
@CONFIG
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
def upkeep(config: Path, *, dry_run: bool, as_json: bool) -> None:
    """Close records, write past days of the log and drop what is too old, as the running hub does each hour."""
    settings = hub_settings(config)
    if settings.upkeep is None:
        raise UserError("nothing is to be done", next_step="add [upkeep] to the settings")
    engine = open_database(settings.database_url)
    try:
        done = keep_up(engine, settings.upkeep, now=datetime.now(UTC), dry_run=dry_run)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from error
    finally:
        engine.dispose()
    if as_json:
        print_json(done)
        return
    would = "would be " if dry_run else ""
    for key in done.closed:
        click.echo(f"{key}: {would}closed")
    for day in done.exported:
        click.echo(f"the log of {day}: {would}written")
    for folder in done.dropped_backups:
        click.echo(f"{folder}: {would}dropped")
    if done.dropped_access:
        click.echo(f"{done.dropped_access} entries of who looked: {would}dropped")
    if done == Upkeep([], []):
        click.echo("nothing is due")


@hub.command("rotate-log-key")
@CONFIG
@json_option
def rotate_log_key(config: Path, *, as_json: bool) -> None:
    """Sign the log with a new key from now on; the old one announces it. Then restart the hub.

    Whoever trusts the old key comes to trust the new one by the log itself: the emergency centre's register
    follows, and keeps the old public key in its settings.
    """
    rotated = rotate(hub_settings(config), now_ms=wall_ms())
    if as_json:
        print_json(rotated)
    else:
        click.echo(f"The new key is announced in record {rotated.log_sequence}")
        click.echo(f"Keep {rotated.old_public_key}: the log before that is verified with it")
        click.echo("Next: restart the hub; it signs nothing until then")


@hub.command(name="restore-log")
@CONFIG
@click.option(
    "--replica",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The emergency centre's copy of this hub's log. Only a database that is whole goes without.",
)
@json_option
def restore_log_command(config: Path, replica: Path | None, *, as_json: bool) -> None:
    """Bring back the log's records that are gone, all or those at its end; stop the hub first.

    Also after PostgreSQL was brought back from a dump: a new epoch begins, and the boxes send again what came later.
    """
    try:
        restored = restore_log(hub_settings(config), new_epoch(), replica, now_ms=wall_ms())
    except BackupError as error:
        raise UserError(str(error)) from error
    if as_json:
        print_json(restored)
    else:
        _tell_restored(restored)


def _tell_restored(restored: Restored) -> None:
    click.echo(f"{restored.log_records} records are here, the last one begins a new epoch")
    if restored.complete_to < restored.log_records - 1:
        click.echo(
            f"Bodies up to record {restored.complete_to}; the boxes send the later ones again"
        )
    for key in restored.erase_again:
        click.echo(f"Erased after the backup, and back: koffert hub patient erase {key}")


@hub.command()
@CONFIG
@click.argument("projection", type=click.Choice(list(_MADE)))
@json_option
def rebuild(config: Path, projection: str, *, as_json: bool) -> None:
    """Drop a PROJECTION and make it again from the log; stop the hub first."""
    settings = hub_settings(config)
    total = read_status(settings).log_records
    with click.progressbar(length=total, label=projection, file=sys.stderr) as bar:
        done = 0

        def progress(sequence: int) -> None:
            nonlocal done
            bar.update(sequence - done)
            done = sequence

        made = _rebuild(settings, projection, progress)
    what = _MADE[projection]
    if as_json:
        print_json({what: made, "log_records": total})
    else:
        click.echo(f"{made} {what}")


def _rebuild(settings: Settings, projection: str, progress: Callable[[int], None]) -> int:
    engine = open_database(settings.database_url)
    try:
        if projection == "documents":
            from koffert_hub.documents.projection import rebuild as rebuild_documents  # noqa: PLC0415

            return rebuild_documents(engine, progress)
        if projection == "spirometry":
            from koffert_hub.spirometry.projection import rebuild as rebuild_sessions  # noqa: PLC0415

            return rebuild_sessions(engine, progress)
        time_series = open_time_series(settings, engine)
        try:
            return rebuild_time_series(engine, time_series, progress)
        finally:
            time_series.close()
    finally:
        engine.dispose()


hub.add_command(patient)
hub.add_command(add_user_command)
