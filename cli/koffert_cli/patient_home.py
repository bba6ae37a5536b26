"""`koffert hub patient home` and `koffert hub patient card`: what is agreed with a patient beside the limits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from koffert_cli.device_work import change, look
from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import UserError, json_option, print_json
from koffert_hub.alerts.card import Card, cards, write_card
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.prescription import standing as known_patient
from koffert_hub.at_home import (
    LANGUAGES,
    AtHome,
    ImpossibleSchedule,
    agree,
    agreements,
    read_round,
    standing,
    written,
)
from koffert_hub.setup import wall_ms

if TYPE_CHECKING:
    import sqlalchemy as sa

    from koffert_hub.alerts.card import SignedCard
    from koffert_hub.at_home import Agreed

_BY = click.option("--by", default="", help="Who does this: the user's name at this hub.")
_BOX_LANGUAGE = "box"


@click.command()
@CONFIG
@click.argument("patient")
@click.option(
    "--language",
    type=click.Choice([*LANGUAGES, _BOX_LANGUAGE]),
    help="Of the screen's texts and voice; `box`: as the box itself is set.",
)
@click.option(
    "--at",
    "rounds",
    multiple=True,
    metavar="HH:MM[/WHAT[/DAYS]]",
    help="Measure then; repeated for each time, and all together replace what stood. WHAT: blow,questions (both "
    "when left out) or clip alone. DAYS: mon,thu or mon-fri.",
)
@click.option("--any-time", is_flag=True, help="No schedule: everything is asked for each time.")
@_BY
@click.option("--history", is_flag=True, help="Show what was agreed before, and with whom.")
@json_option
def home(
    config: Path,
    patient: str,
    *,
    language: str | None,
    rounds: tuple[str, ...],
    any_time: bool,
    by: str,
    history: bool,
    as_json: bool,
) -> None:
    """Set when PATIENT measures at home and in which language; without options, show it.

    The patient's box is told, and its screen follows from then on, also without a link.
    """
    if rounds and any_time:
        raise click.UsageError("either --at or --any-time")
    settings = hub_settings(config)
    if language is None and not rounds and not any_time:
        found = look(settings, lambda connection: _agreed(connection, patient))
        _show_history(found, as_json=as_json) if history else _show(
            found[0].home if found else AtHome(), as_json=as_json
        )
        return

    def settle(connection: sa.Connection) -> AtHome:
        wanted = standing(connection, patient)
        if language is not None:
            spoken = None if language == _BOX_LANGUAGE else language
            wanted = msgspec.structs.replace(wanted, language=spoken)
        if rounds or any_time:
            wanted = msgspec.structs.replace(wanted, schedule=tuple(map(read_round, rounds)))
        return agree(connection, patient, wanted, by, now_ms=wall_ms())

    try:
        _show(change(settings, settle), as_json=as_json)
    except ImpossibleSchedule as error:
        raise UserError(str(error), next_step="koffert hub patient home --help") from error


@click.command()
@CONFIG
@click.argument("patient")
@click.option("--ward", help="The ward that the patient goes to without a detour.")
@click.option("--contact", help="Whom to ask about the individual plan.")
@click.option("--fast-track/--common-way", default=None, help="Admitted directly, or as everybody.")
@_BY
@json_option
def card(
    config: Path,
    patient: str,
    *,
    ward: str | None,
    contact: str | None,
    fast_track: bool | None,
    by: str,
    as_json: bool,
) -> None:
    """Write PATIENT's VIP card, which is shown with each alert; without options, show it."""
    given = {
        key: value
        for key, value in (
            ("preferred_ward", ward),
            ("plan_contact", contact),
            ("fast_track", fast_track),
        )
        if value is not None
    }
    settings = hub_settings(config)
    if given and not by.strip():
        raise click.UsageError("say who writes it: --by NAME")

    def write(connection: sa.Connection) -> SignedCard | None:
        known_patient(connection, patient)
        before = cards(connection, [patient]).get(patient)
        wanted = msgspec.structs.replace(before.card if before else Card(), **given)
        write_card(connection, patient, wanted, by, now_ms=wall_ms())
        return cards(connection, [patient]).get(patient)

    def read(connection: sa.Connection) -> SignedCard | None:
        known_patient(connection, patient)
        return cards(connection, [patient]).get(patient)

    _show_card(change(settings, write) if given else look(settings, read), as_json=as_json)


def _agreed(connection: sa.Connection, patient: str) -> list[Agreed]:
    known_patient(connection, patient)
    return agreements(connection, patient)


def _show(agreed: AtHome, *, as_json: bool) -> None:
    if as_json:
        print_json(_record(agreed))
        return
    click.echo(f"language  {agreed.language or 'of the box'}")
    rounds = list(map(written, agreed.schedule))
    for number, one in enumerate(rounds or ["any time, everything"]):
        click.echo(f"{'' if number else 'measures':8}  {one}")


def _show_history(found: list[Agreed], *, as_json: bool) -> None:
    if as_json:
        print_json([{"at_ms": one.at_ms, "by": one.by} | _record(one.home) for one in found])
        return
    for one in found:
        when = datetime.fromtimestamp(one.at_ms / 1_000, OSLO)
        click.echo(f"{when:%Y-%m-%d %H:%M}  {one.by}")
        _show(one.home, as_json=False)


def _record(agreed: AtHome) -> dict[str, object]:
    return {"language": agreed.language, "schedule": list(map(written, agreed.schedule))}


def _show_card(found: SignedCard | None, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif found is None:
        click.echo("no card: the patient goes the common way")
    else:
        when = datetime.fromtimestamp(found.at_ms / 1_000, OSLO)
        click.echo(f"way      {'fast track' if found.card.fast_track else 'the common way'}")
        click.echo(f"ward     {found.card.preferred_ward or '-'}")
        click.echo(f"contact  {found.card.plan_contact or '-'}")
        click.echo(f"written  {when:%Y-%m-%d %H:%M} by {found.display_name}")
