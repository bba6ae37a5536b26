"""`koffert hub patient`: what a patient may ask of the record, and what the centre decides about it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from koffert_cli.device_work import look
from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import CommandGroup, UserError, json_option, print_json
from koffert_cli.patient_home import card, home
from koffert_cli.patient_settings import settings_command
from koffert_hub import patients
from koffert_hub.alerts.civil import OSLO
from koffert_hub.database import open_database
from koffert_hub.erasure import erase_patient
from koffert_hub.registry import RegistryError
from koffert_hub.rights import consents, deciding
from koffert_hub.rights.states import NeedsReason, must_be_known
from koffert_hub.setup import wall_ms
from koffert_hub.time_series.opening import open_time_series
from koffert_hub.times import from_ms

if TYPE_CHECKING:
    import sqlalchemy as sa

    from koffert_hub.patients import Person
    from koffert_hub.settings import Settings

_T = TypeVar("_T")
_BY = click.option("--by", required=True, help="Who does this: the user's name at this hub.")
_REASON = click.option("--reason", required=True, help="Why; kept with the record, not in the log.")
_ASKED = {
    "display_name": "Name",
    "birth_number": "Birth number",
    "phone": "Telephone",
    "next_of_kin": "Next of kin",
    "ward": "Ward",
}


@click.group(cls=CommandGroup)
def patient() -> None:
    """Act on one patient: settings, days at home, VIP card, and the record (copy, consent, close, erase)."""


patient.add_command(settings_command)
patient.add_command(home)
patient.add_command(card)


@patient.command()
@CONFIG
@click.argument("key")
@click.argument("target", type=click.Path(path_type=Path))
@_BY
@click.option("--reason", default="", help="Why; needed where the record is restricted or closed.")
@json_option
def export(config: Path, key: str, target: Path, by: str, reason: str, *, as_json: bool) -> None:
    """Copy the whole record of KEY to TARGET, a new folder or a new .zip. Begin with its index.html.

    Readings, spirometry, documents, alerts, notes, diary, settings, loans, consents, and who looked. The copy
    itself is on record before it is written.
    """
    from koffert_hub.rights.export import export_record  # noqa: PLC0415 - reads stills, which takes numpy

    settings = hub_settings(config)
    engine = open_database(settings.database_url)
    try:
        exported = export_record(engine, key, target, by=by, reason=reason, now_ms=wall_ms())
    except NeedsReason as error:
        raise UserError(str(error), next_step="say why: --reason TEXT") from error
    except RegistryError as error:
        raise UserError(str(error)) from error
    except FileExistsError as error:
        raise UserError(f"{target} is there already") from error
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}") from error
    finally:
        engine.dispose()
    if as_json:
        print_json(exported)
        return
    for name, count in exported.parts.items():
        click.echo(f"{count:8} {name}")
    click.echo(f"In {target}, recorded as {exported.log_sequence}")


@patient.command()
@CONFIG
@click.argument("key")
@click.argument("fields", nargs=-1, type=click.Choice(list(_ASKED)), metavar="FIELD...")
@_BY
@json_option
def correct(config: Path, key: str, fields: tuple[str, ...], by: str, *, as_json: bool) -> None:
    """Correct FIELDs of who KEY is: display_name, birth_number, phone, next_of_kin, ward.

    The new values are asked for, or read from stdin, a line for each: a command line can be seen by others. What
    stood before is kept. Readings are struck on the patient's page.
    """
    if not fields:
        raise click.UsageError("say what to correct: " + ", ".join(_ASKED))
    settings = hub_settings(config)
    person = look(settings, lambda connection: _known(connection, key))
    wanted = msgspec.structs.replace(person, **{name: _ask(name) for name in fields})
    changed = _do(
        settings,
        lambda connection: patients.change_person(connection, key, wanted, by, now_ms=wall_ms()),
    )
    if as_json:
        print_json({"changed": changed})
    else:
        click.echo(f"corrected: {', '.join(changed)}" if changed else "nothing was different")


@patient.command()
@CONFIG
@click.argument("key")
@click.option("--given", metavar="VERSION", help="The patient agrees to this version of the text.")
@click.option(
    "--text",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The words of that version; needed the first time it is used.",
)
@click.option("--withdrawn", is_flag=True, help="The patient no longer agrees: collection stops.")
@click.option("--by", default="", help="Who records it: the user's name at this hub.")
@json_option
def consent(
    config: Path,
    key: str,
    given: str | None,
    text: Path | None,
    by: str,
    *,
    withdrawn: bool,
    as_json: bool,
) -> None:
    """Record what KEY agreed to, or that it ends; without options, show what was said.

    A withdrawn consent ends the loan, and the box is told when it next calls; the record is kept.
    """
    settings = hub_settings(config)
    if withdrawn and given:
        raise click.UsageError("either --given or --withdrawn")
    if withdrawn:
        done = _do(
            settings,
            lambda connection: consents.withdraw(connection, key, by, now=datetime.now(UTC)),
        )
        _tell(done._asdict(), f"consent {done.version} withdrawn", done.ended, as_json=as_json)
    elif given:
        words = None if text is None else text.read_text()
        sequence = _do(settings, lambda connection: _give(connection, key, given, words, by))
        record = {"version": given, "log_sequence": sequence}
        _tell(record, f"consent {given} given", [], as_json=as_json)
    else:
        _show_consents(settings, key, as_json=as_json)


@patient.command()
@CONFIG
@click.argument("key")
@_BY
@_REASON
@json_option
def restrict(config: Path, key: str, by: str, reason: str, *, as_json: bool) -> None:
    """KEY wants no more follow-up: end the loan, tell the box, keep the record.

    Pages no longer show the record; a copy of it (`export`) needs a reason.
    """
    _move(config, deciding.restrict, key, by, reason, as_json=as_json)


@patient.command()
@CONFIG
@click.argument("key")
@_BY
@_REASON
@json_option
def close(config: Path, key: str, by: str, reason: str, *, as_json: bool) -> None:
    """Put the record of KEY away; the suitcase must be back."""
    _move(config, deciding.close, key, by, reason, as_json=as_json)


@patient.command()
@CONFIG
@click.argument("key")
@_BY
@_REASON
@json_option
def reopen(config: Path, key: str, by: str, reason: str, *, as_json: bool) -> None:
    """Take up a restricted or closed record again."""
    _move(config, deciding.reopen, key, by, reason, as_json=as_json)


@patient.command()
@CONFIG
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(config: Path, key: str, *, yes: bool, as_json: bool) -> None:
    """Erase the patient with the pseudonymous KEY from every store. Cannot be undone.

    Records must normally be retained: this is for what was registered by mistake or by order.
    """
    settings = hub_settings(config)
    if not yes:
        click.confirm(f"Erase everything of {key}?", abort=True)
    engine = open_database(settings.database_url)
    time_series = open_time_series(settings, engine)
    try:
        erased = erase_patient(engine, time_series, key, now_ms=wall_ms())
    except RegistryError as error:
        raise UserError(str(error)) from error
    finally:
        time_series.close()
        engine.dispose()
    if as_json:
        print_json(erased)
    else:
        click.echo(f"{erased.bodies} transmissions erased, recorded as {erased.log_sequence}")
        for place in erased.left_in:
            click.echo(f"May still be in {place}")


def _move(
    config: Path,
    decide: Callable[..., deciding.Changed],
    key: str,
    by: str,
    reason: str,
    *,
    as_json: bool,
) -> None:
    done = _do(
        hub_settings(config),
        lambda connection: decide(connection, key, by, reason, now=datetime.now(UTC)),
    )
    _tell(done._asdict(), f"the record is {done.state}", done.ended, as_json=as_json)


def _tell(record: dict[str, Any], said: str, ended: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    click.echo(f"{said}, recorded as {record['log_sequence']}")
    for device in ended:
        click.echo(f"the loan of {device} has ended; the box is told when it next calls")
        click.echo(f"Next: koffert device return {device}")


def _show_consents(settings: Settings, key: str, *, as_json: bool) -> None:
    def find(connection: sa.Connection) -> list[consents.Consent]:
        must_be_known(connection, key)
        return consents.consents(connection, key)

    for one in look(settings, find):
        if as_json:
            print_json(one._asdict())
        else:
            when = from_ms(one.at_ms).astimezone(OSLO)
            word = "given" if one.given else "withdrawn"
            click.echo(f"{when:%Y-%m-%d %H:%M}  {word:9}  {one.version}  recorded by {one.by}")


def _give(connection: sa.Connection, key: str, version: str, words: str | None, by: str) -> int:
    now_ms = wall_ms()
    if words is not None:
        consents.add_text(connection, version, words, now_ms=now_ms)
    return consents.give(connection, key, version, by, now_ms=now_ms)


def _known(connection: sa.Connection, key: str) -> Person:
    person = patients.person_of(connection, key)
    if person is None:
        raise RegistryError(f"no patient {key}")
    return person


def _ask(name: str) -> str:
    """Never from the command line: others can see it, and the shell keeps it."""
    if sys.stdin.isatty():
        asked: str = click.prompt(_ASKED[name], default="", show_default=False)
        return asked.strip()
    line = sys.stdin.readline()
    if not line:
        raise UserError(f"no {name} came on stdin", next_step="one line for each field")
    return line.strip()


def _do(settings: Settings, work: Callable[[sa.Connection], _T]) -> _T:
    """One transaction, all or nothing."""
    engine = open_database(settings.database_url)
    try:
        with engine.begin() as connection:
            return work(connection)
    except RegistryError as error:
        raise UserError(str(error)) from error
    finally:
        engine.dispose()
