"""`koffert device`: the boxes of a centre, from the first code to the last return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from koffert_cli.device_report import (
    ENFORCEMENT,
    box_lines,
    box_table,
    checklist_lines,
    code_lines,
    code_record,
    write_png,
)
from koffert_cli.device_work import (
    ALL_ITEMS,
    change,
    look,
    patient_choice,
    provisioning_of,
    reception,
    signed_rules,
)
from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError, json_option, print_json
from koffert_cli.patient_settings import target_options, wanted_change
from koffert_hub.alerts.prescription import NO_CHANGE, Change
from koffert_hub.database import open_database
from koffert_hub.loans import EndReason
from koffert_hub.provisioning import fleet, tokens
from koffert_hub.provisioning.ceremony import broker_pid_file, pki_of
from koffert_hub.provisioning.fleet import BoxInfo, Item
from koffert_hub.provisioning.lending import (
    LOAN_DAYS,
    MOST_LOAN_DAYS,
    hand_out,
)
from koffert_hub.provisioning.lending import (
    pause as pause_loan,
)
from koffert_hub.provisioning.lending import (
    resume as resume_loan,
)
from koffert_hub.provisioning.revocation import BrokerGate, Enforcement, revoke_device
from koffert_wire.enrolment import EnrolmentCode
from koffert_wire.private_files import replace_private

if TYPE_CHECKING:
    import sqlalchemy as sa

    from koffert_hub.settings import Settings

_DEVICE = click.argument("device")
_DONE = click.option(
    "--done",
    type=click.Choice([*(item.value for item in Item if item is not Item.WIPED), ALL_ITEMS]),
    multiple=True,
    help="What has been done with the box; may be repeated.",
)
_WIPE_REPORT = click.option(
    "--wipe-report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What `koffert agent wipe --report` has written: the box's proof that it is clean.",
)
_PATIENT = click.option("--patient", help="The pseudonymous key of a registered patient.")
_NEW_PATIENT = click.option(
    "--new-patient",
    is_flag=True,
    help="Register a patient; the name is asked for, or read from stdin.",
)
_DAYS = click.option(
    "--days",
    type=click.IntRange(1, MOST_LOAN_DAYS),
    default=LOAN_DAYS,
    show_default=True,
    help="Until when.",
)


@click.group(cls=CommandGroup)
def device() -> None:
    """Announce, lend, take back and revoke the boxes of a centre."""


@device.command()
@CONFIG
@_DEVICE
@click.option("--label", default="", help="Words for people: a place, a colour.")
@click.option(
    "--valid-hours",
    type=click.IntRange(1, 720),
    default=24,
    show_default=True,
    help="For the code.",
)
@click.option(
    "--again", is_flag=True, help="A new code for a box that is known: new card, lost code."
)
@click.option(
    "--png", type=click.Path(dir_okay=False, path_type=Path), help="Write the QR there too."
)
@click.option(
    "--code-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the code there too: koffert-code.txt on a stick with the label KOFFERT.",
)
@json_option
def add(
    config: Path,
    device: str,
    label: str,
    valid_hours: int,
    png: Path | None,
    *,
    code_file: Path | None,
    again: bool,
    as_json: bool,
) -> None:
    """Announce a box and show the one-time code that `koffert agent enrol` takes."""
    settings = hub_settings(config)
    provisioning = provisioning_of(settings)
    now = datetime.now(UTC)
    lifetime = timedelta(hours=valid_hours)

    def announce(connection: sa.Connection) -> str:
        if again:
            fleet.describe(connection, device)
        else:
            centre = fleet.home_centre(connection, settings.centre)
            tokens.announce(connection, device, centre=centre, label=label, now=now)
        return tokens.mint(connection, device, now=now, lifetime=lifetime)

    token = change(settings, announce)
    fingerprint = pki_of(settings).root_fingerprint()
    code = EnrolmentCode(provisioning.address, provisioning.port, token, fingerprint)
    if png is not None:
        write_png(png, code)
    if code_file is not None:
        replace_private(code_file, f"{code.text()}\n".encode())
    if as_json:
        print_json(code_record(device, code, now + lifetime))
    else:
        click.echo("\n".join(code_lines(device, code, now + lifetime)))


@device.command(name="list")
@CONFIG
@json_option
def list_boxes(config: Path, *, as_json: bool) -> None:
    """Show all boxes: where each is in its life, and who has it."""
    found = look(hub_settings(config), fleet.boxes)
    if as_json:
        for info in found:
            print_json(info)
    else:
        click.echo(box_table(found), nl=False)


@device.command()
@CONFIG
@_DEVICE
@json_option
def show(config: Path, device: str, *, as_json: bool) -> None:
    """Show one box."""
    info = look(hub_settings(config), lambda connection: fleet.describe(connection, device))
    if as_json:
        print_json(info)
    else:
        click.echo("\n".join(box_lines(info)))


@device.command()
@CONFIG
@_DEVICE
@click.argument("words")
@json_option
def label(config: Path, device: str, words: str, *, as_json: bool) -> None:
    """Change the WORDS on a box; never a person's name."""

    def relabel(connection: sa.Connection) -> BoxInfo:
        fleet.relabel(connection, device, words)
        return fleet.describe(connection, device)

    _show(change(hub_settings(config), relabel), as_json=as_json)


@device.command()
@CONFIG
@_DEVICE
@_PATIENT
@_NEW_PATIENT
@_DAYS
@target_options
@json_option
def lend(
    config: Path,
    device: str,
    *,
    patient: str | None,
    days: int,
    doctor: str,
    new_patient: bool,
    as_json: bool,
    **target: Any,
) -> None:
    """Lend a box that is ready to a patient; the alert rules must be signed."""
    settings = hub_settings(config)
    choose = patient_choice(settings, patient, new_patient=new_patient)
    wanted = wanted_change(target)
    lend_to = _handing_out(settings, device, days, wanted, doctor)
    _show(change(settings, lambda connection: lend_to(connection, choose)), as_json=as_json)


@device.command()
@CONFIG
@_DEVICE
@json_option
def pause(config: Path, device: str, *, as_json: bool) -> None:
    """Let a box rest while its patient is away: nothing is asked nor alarmed."""
    settings = hub_settings(config)
    now = datetime.now(UTC)
    _show(
        change(settings, lambda connection: pause_loan(connection, device, now=now)),
        as_json=as_json,
    )


@device.command()
@CONFIG
@_DEVICE
@json_option
def resume(config: Path, device: str, *, as_json: bool) -> None:
    """The patient is back: measure and alarm again."""
    settings = hub_settings(config)
    now = datetime.now(UTC)
    _show(
        change(settings, lambda connection: resume_loan(connection, device, now=now)),
        as_json=as_json,
    )


@device.command(name="return")
@CONFIG
@_DEVICE
@_DONE
@_WIPE_REPORT
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in EndReason]),
    default=EndReason.RETURNED.value,
    show_default=True,
    help="Why the loan ends.",
)
@json_option
def give_back(
    config: Path,
    device: str,
    done: tuple[str, ...],
    wipe_report: Path | None,
    reason: str,
    *,
    as_json: bool,
) -> None:
    """End the loan of a box, and tick off what is done before it may be lent again."""
    receive = reception(device, done, wipe_report, EndReason(reason))
    info = change(hub_settings(config), receive)
    if as_json:
        print_json(info)
    else:
        click.echo("\n".join(checklist_lines(info)))


@device.command()
@CONFIG
@_DEVICE
@_PATIENT
@_NEW_PATIENT
@_DAYS
@_DONE
@_WIPE_REPORT
@json_option
def reissue(
    config: Path,
    device: str,
    *,
    patient: str | None,
    days: int,
    done: tuple[str, ...],
    wipe_report: Path | None,
    new_patient: bool,
    as_json: bool,
) -> None:
    """Take a box back and lend it to the next patient, all or nothing."""
    settings = hub_settings(config)
    choose = patient_choice(settings, patient, new_patient=new_patient)
    receive = reception(device, done, wipe_report)
    lend_to = _handing_out(settings, device, days)

    def hand_over(connection: sa.Connection) -> BoxInfo:
        receive(connection)
        return lend_to(connection, choose)

    _show(change(settings, hand_over), as_json=as_json)


@device.command()
@CONFIG
@_DEVICE
@click.option("--lost", is_flag=True, help="It was lost or stolen: its loan ends as well.")
@json_option
def revoke(config: Path, device: str, *, lost: bool, as_json: bool) -> None:
    """Shut a box out, at once and also while it is connected; its screen is locked when it hears of it."""
    settings = hub_settings(config)
    provisioning = provisioning_of(settings)
    now = datetime.now(UTC)

    def shut_out(connection: sa.Connection) -> None:
        if lost:
            fleet.end_current_loan(connection, device, EndReason.LOST, now=now)
        reason = "lost" if lost else "revoked"
        revoke_device(connection, device, reason=reason, now=now)

    change(settings, shut_out)
    engine = open_database(settings.database_url)
    gate = BrokerGate(engine, pki_of(settings), provisioning, broker_pid_file(settings))
    broker = asyncio.run(gate.shut(device, now))
    engine.dispose()
    if as_json:
        print_json({"device": device, "state": "revoked", "broker": broker})
    else:
        click.echo(f"{device} is revoked. {ENFORCEMENT[broker]}")
    if broker is Enforcement.NOT_CONFIRMED:
        raise UserError(
            "the broker was not seen to refuse the box",
            probable_cause="it is stopping, or another process has its port",
            next_step=f"koffert device revoke {device} --config {config}   (safe to repeat)",
            exit_code=EXIT_FAILED,
        )


def _handing_out(
    settings: Settings, device: str, days: int, wanted: Change = NO_CHANGE, doctor: str = ""
) -> Callable[[sa.Connection, Callable[[sa.Connection], str]], BoxInfo]:
    """How to lend a box under signed rules and the patient's own settings; the rules are read now."""
    rules = signed_rules(settings)

    def lend_to(connection: sa.Connection, choose: Callable[[sa.Connection], str]) -> BoxInfo:
        return hand_out(
            connection,
            device,
            choose(connection),
            rules=rules,
            now=datetime.now(UTC),
            days=days,
            wanted=wanted,
            doctor=doctor,
        )

    return lend_to


def _show(info: BoxInfo, *, as_json: bool) -> None:
    if as_json:
        print_json(info)
    else:
        click.echo("\n".join(box_lines(info)))
