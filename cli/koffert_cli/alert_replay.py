"""`koffert alert replay`: from a hub's database to the alerts that its rules give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from koffert_cli.hub_options import hub_settings
from koffert_cli.output import UserError
from koffert_hub.alerts.history import replay
from koffert_hub.alerts.records import Alert
from koffert_hub.alerts.rules import RulesError, load_rules
from koffert_hub.database import open_database, reading
from koffert_hub.setup import wall_ms


def replayed(
    config: Path, patient: str, since_ms: int, default_rules: Callable[[], Path]
) -> list[Alert]:
    """The alerts of a patient under the hub's rules; raises UserError."""
    settings = hub_settings(config)
    try:
        rules = load_rules(settings.alerts.rules if settings.alerts else default_rules())
    except RulesError as error:
        raise UserError(str(error), next_step="koffert alert rules check") from error
    engine = open_database(settings.database_url)
    try:
        with reading(engine) as connection:
            return replay(connection, rules, patient, since_ms=since_ms, until_ms=wall_ms())
    finally:
        engine.dispose()
