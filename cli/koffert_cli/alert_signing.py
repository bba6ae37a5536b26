"""`koffert alert rules sign`: a doctor signs the rule set that a hub judges by.

Who is a doctor stands in the hub's accounts. A doctor with an account signs with the own password; on somebody's word
only when that is said (`--vouched`) or nobody has such an account yet, and then the log knows whose word it was.
"""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from koffert_cli.hub_options import hub_settings
from koffert_cli.output import UserError
from koffert_hub.alerts.rules import RulesError, RuleSet
from koffert_hub.alerts.signing import sign_rules, staff_id
from koffert_hub.database import open_database, reading
from koffert_hub.registry import Role, User, verify_user
from koffert_hub.web.users import users

if TYPE_CHECKING:
    import sqlalchemy as sa

_OWN_PASSWORD = "own-password"  # noqa: S105 - how it was proved, not a secret


def signed(config: Path, doctor: str, *, vouched: bool) -> tuple[Path, RuleSet]:
    """The hub's rule file and what stands in it once `doctor` has signed; raises UserError."""
    name = doctor.strip()
    if not name:
        raise UserError("a signature needs a doctor's name", next_step="--doctor NAME")
    settings = hub_settings(config)
    if settings.alerts is None:
        raise UserError(
            "this hub has no alert rules",
            next_step="add [alerts] to its settings (see config/hub.example.toml)",
        )
    path = settings.alerts.rules
    engine = open_database(settings.database_url)
    try:
        name, proof = _known(engine, name, vouched=vouched)
        return path, sign_rules(engine, path, name, now=datetime.now(UTC), proof=proof)
    except RulesError as error:
        raise UserError(str(error), next_step=f"koffert alert rules check {path}") from error
    finally:
        engine.dispose()


def _known(engine: sa.Engine, name: str, *, vouched: bool) -> tuple[str, str]:
    """The doctor's name as colleagues know it, and how we know that it is the doctor."""
    with reading(engine) as connection:
        doctors = [user for user in users(connection) if user.role is Role.DOCTOR]
    account = next((user for user in doctors if name in (user.username, user.display_name)), None)
    if account is None and doctors:
        raise UserError(
            f"{name} has no doctor's account at this hub",
            next_step="koffert hub add-user USERNAME --role doctor, or on the page «Brukere»",
        )
    if account is None or vouched:
        operator = os.environ.get("SUDO_USER") or getpass.getuser()
        click.echo(f"signed on the word of {operator}, whom the log knows by an id", err=True)
        return account.display_name if account else name, f"vouched-by-{staff_id(operator)}"
    _prove(engine, account)
    return account.display_name, _OWN_PASSWORD


def _prove(engine: sa.Engine, account: User) -> None:
    with reading(engine) as connection:
        if verify_user(connection, account.username, _password(account)) is None:
            raise UserError(
                f"that is not the password of {account.display_name}",
                next_step="the doctor signs; or --vouched, and your own name goes into the log",
            )


def _password(account: User) -> str:
    """Never from the command line: others can see it, and the shell keeps it."""
    if sys.stdin.isatty():
        asked: str = click.prompt(f"Password of {account.display_name}", hide_input=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\n")
