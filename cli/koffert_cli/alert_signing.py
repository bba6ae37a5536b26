"""`koffert alert rules sign`: a doctor signs the rule set that a hub judges by."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from koffert_cli.hub_options import hub_settings
from koffert_cli.output import UserError
from koffert_hub.alerts.rules import RulesError, RuleSet
from koffert_hub.alerts.signing import sign_rules
from koffert_hub.database import open_database


def signed(config: Path, doctor: str) -> tuple[Path, RuleSet]:
    """The hub's rule file and what stands in it once `doctor` has signed; raises UserError."""
    if not doctor.strip():
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
        return path, sign_rules(engine, path, doctor.strip(), now=datetime.now(UTC))
    except RulesError as error:
        raise UserError(str(error), next_step=f"koffert alert rules check {path}") from error
    finally:
        engine.dispose()
