"""`koffert hub patient settings`, and the options that it shares with `koffert device lend`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from koffert_cli.device_work import change, look
from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import json_option, print_json
from koffert_hub.alerts.prescription import NO_CHANGE, Change, prescribe, standing
from koffert_hub.setup import wall_ms

if TYPE_CHECKING:
    import sqlalchemy as sa

    from koffert_hub.alerts.records import Patient

# Below, nobody lives at rest; above 100 there is no saturation.
_SATURATION = click.FloatRange(50, 100)
_TARGET = (
    click.option("--target-low", type=_SATURATION, help="Lower end of the target, %."),
    click.option("--target-high", type=_SATURATION, help="Upper end of the target, %."),
    click.option(
        "--scale",
        type=click.IntRange(1, 2),
        help="NEWS2 SpO2 scale; 2 is for a documented target of 88-92 %.",
    ),
    click.option("--doctor", default="", help="Who answers for these settings."),
)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a target saturation and of the doctor who sets it."""
    for option in reversed(_TARGET):
        command = option(command)
    return command


@click.command(name="settings")
@CONFIG
@click.argument("patient")
@target_options
@click.option("--oxygen/--no-oxygen", default=None, help="Whether the patient is on oxygen.")
@click.option("--spo2-floor", type=_SATURATION, help="Red at or below, %.")
@json_option
def settings_command(
    config: Path,
    patient: str,
    *,
    target_low: float | None,
    target_high: float | None,
    scale: int | None,
    doctor: str,
    oxygen: bool | None,
    spo2_floor: float | None,
    as_json: bool,
) -> None:
    """Change what the doctor has set for PATIENT (the pseudonymous key); without options, show it."""
    settings = hub_settings(config)
    wanted = Change(
        target_low_pct=target_low,
        target_high_pct=target_high,
        spo2_scale=scale,
        on_oxygen=oxygen,
        spo2_floor_pct=spo2_floor,
    )

    def settle(connection: sa.Connection) -> Patient:
        return prescribe(connection, patient, wanted, doctor, now_ms=wall_ms())

    if wanted == NO_CHANGE:
        _show(look(settings, lambda connection: standing(connection, patient)), as_json=as_json)
    else:
        _show(change(settings, settle), as_json=as_json)


def _show(patient: Patient, *, as_json: bool) -> None:
    if as_json:
        print_json(patient)
        return
    low, high = patient.target_low_pct, patient.target_high_pct
    floor_pct = patient.limits.spo2_floor_pct
    click.echo(f"target  {'-' if low is None else f'{low:g}-{high:g} %'}")
    click.echo(f"scale   {patient.spo2_scale}")
    click.echo(f"oxygen  {'yes' if patient.on_oxygen else 'no'}")
    click.echo(f"floor   {'of the rule set' if floor_pct is None else f'{floor_pct:g} %'}")
