"""The key ceremony of `koffert hub init`: asks for the passphrase, says what to do with the root's key."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from koffert_cli.output import UserError
from koffert_cli.places import configuration_folder
from koffert_hub.provisioning.ceremony import Prepared, pki_of, prepare
from koffert_hub.provisioning.pki import CeremonyError
from koffert_hub.settings import Settings


def root_passphrase(settings: Settings, passphrase_file: Path | None) -> str:
    """What a new root's key will be locked with; empty where none is to be made. Ask before anything is written.

    Raises UserError.
    """
    if settings.provisioning is None or pki_of(settings).exists:
        return ""
    return _passphrase(passphrase_file)


def hold_ceremony(settings: Settings, passphrase: str) -> Prepared | None:
    """Make or renew the authority; None for a hub that enrols no boxes. Raises UserError."""
    provisioning = settings.provisioning
    if provisioning is None:
        return None
    try:
        return prepare(
            settings,
            provisioning,
            passphrase=lambda: passphrase,
            templates=configuration_folder() / "mosquitto",
            now=datetime.now(UTC),
        )
    except CeremonyError as error:
        raise UserError(str(error), next_step="see docs/how-to/key-ceremony.md") from error


def show_ceremony(prepared: Prepared | None) -> None:
    """Tell a person what was made."""
    if prepared is None:
        return
    click.echo(f"Authority  SHA-256 {prepared.root_fingerprint}")
    click.echo(f"Broker     mosquitto -c {prepared.broker_settings}")
    if prepared.renewed:
        click.echo(f"Issued     {', '.join(prepared.renewed)}")
    if prepared.root_key is not None:
        click.echo(f"Now move   {prepared.root_key} to a stick in a safe; the hub does not need it")


def _passphrase(file: Path | None) -> str:
    """From the file, else from the person; never from the command line, which others can see."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: {error}") from error
    if not sys.stdin.isatty():
        raise UserError(
            "the new root's key needs a passphrase",
            probable_cause="no terminal to ask at",
            next_step="koffert hub init --root-passphrase-file FILE …",
        )
    answer: str = click.prompt(
        "Passphrase for the root's key", hide_input=True, confirmation_prompt=True
    )
    return answer
