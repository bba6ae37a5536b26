"""The work behind `koffert device`: one transaction each, errors for people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from koffert_cli.output import UserError
from koffert_hub import registry
from koffert_hub.alerts.history import NoDoctor
from koffert_hub.alerts.opening import rules_in_force
from koffert_hub.alerts.prescription import ImpossibleSettings
from koffert_hub.alerts.rules import RulesError, SignedDigest
from koffert_hub.database import open_database, reading
from koffert_hub.loans import EndReason, WrongLoanState
from koffert_hub.provisioning import fleet
from koffert_hub.provisioning.ceremony import pki_of
from koffert_hub.provisioning.fleet import BoxInfo, Item
from koffert_hub.provisioning.wiping import accept_wipe
from koffert_hub.registry import RegistryError, UnsignedRules
from koffert_hub.times import to_ms
from koffert_wire.errors import UnreadablePayload
from koffert_wire.wipe_report import SignedWipe, decode_wipe

if TYPE_CHECKING:
    import sqlalchemy as sa

    from koffert_hub.settings import ProvisioningSettings, Settings

ALL_ITEMS = "all"

_T = TypeVar("_T")


def reception(
    device: str,
    done: tuple[str, ...],
    wipe_report: Path | None,
    reason: EndReason = EndReason.RETURNED,
) -> Callable[[sa.Connection], BoxInfo]:
    """How to take a box back; the report is read before anything is locked."""
    items = list(Item) if ALL_ITEMS in done else [Item(item) for item in done]
    signed = None if wipe_report is None else _read_report(wipe_report)

    def receive(connection: sa.Connection) -> BoxInfo:
        now = datetime.now(UTC)
        info = fleet.give_back(connection, device, items, now=now, reason=reason)
        loan = fleet.last_loan(connection, device)
        if signed is None or loan is None:
            return info
        accept_wipe(connection, device, loan, signed, now)
        return fleet.describe(connection, device)

    return receive


def _read_report(path: Path) -> SignedWipe:
    try:
        return decode_wipe(path.read_bytes())
    except (OSError, UnreadablePayload) as error:
        raise UserError(f"{path}: {error}", next_step="koffert agent wipe --report FILE") from error


def patient_choice(
    settings: Settings, patient: str | None, *, new_patient: bool
) -> Callable[[sa.Connection], str]:
    """How to come to the patient's key; a new one's name is asked for before anything is locked."""
    if new_patient == (patient is not None):
        raise click.UsageError("say who: --patient KEY, or --new-patient")
    if patient is not None:
        return lambda _connection: patient
    name = _name()

    def create(connection: sa.Connection) -> str:
        centre = fleet.home_centre(connection, settings.centre)
        return registry.create_patient(connection, centre, name, now_ms=to_ms(datetime.now(UTC)))

    return create


def _name() -> str:
    """Never from the command line: others can see it, and the shell keeps it."""
    if sys.stdin.isatty():
        asked: str = click.prompt("Patient's name")
        return asked
    name = sys.stdin.readline().strip()
    if not name:
        raise UserError("no name came on stdin", next_step="koffert device lend … --patient KEY")
    return name


def provisioning_of(settings: Settings) -> ProvisioningSettings:
    if settings.provisioning is None or not pki_of(settings).exists:
        raise UserError(
            "this hub enrols no boxes",
            probable_cause="its settings have no [provisioning], or hub init has not run since",
            next_step="add [provisioning] (see config/hub.example.toml), then koffert hub init",
        )
    return settings.provisioning


def signed_rules(settings: Settings) -> SignedDigest | None:
    """What a loan of this hub may begin on: None when no doctor has signed, or nothing is judged."""
    engine = open_database(settings.database_url)
    try:
        return rules_in_force(settings.alerts, engine)
    except RulesError as error:
        raise UserError(str(error), next_step="koffert alert rules check") from error
    finally:
        engine.dispose()


def change(settings: Settings, work: Callable[[sa.Connection], _T]) -> _T:
    """Do `work` in one transaction, all or nothing."""
    engine = open_database(settings.database_url)
    try:
        with engine.begin() as connection:
            return work(connection)
    except UnsignedRules as error:
        raise UserError(str(error), next_step="koffert alert rules sign --doctor NAME") from error
    except (RegistryError, WrongLoanState) as error:
        raise UserError(str(error), next_step="koffert device list") from error
    except (NoDoctor, ImpossibleSettings) as error:
        raise UserError(str(error), next_step="koffert hub patient settings --help") from error
    finally:
        engine.dispose()


def look(settings: Settings, work: Callable[[sa.Connection], _T]) -> _T:
    engine = open_database(settings.database_url)
    try:
        with reading(engine) as connection:
            return work(connection)
    except RegistryError as error:
        raise UserError(str(error), next_step="koffert device list") from error
    finally:
        engine.dispose()
