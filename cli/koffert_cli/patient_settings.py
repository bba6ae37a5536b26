"""`koffert hub patient settings`, and the options that it shares with `koffert device lend`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from koffert_cli.device_work import change, look
from koffert_cli.hub_options import CONFIG, hub_settings
from koffert_cli.output import json_option, print_json
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.prescription import (
    NO_CHANGE,
    SETTINGS,
    Change,
    Step,
    flat,
    prescribe,
    standing,
    steps,
)
from koffert_hub.alerts.records import PatientBaseline, PatientLimits
from koffert_hub.setup import wall_ms
from koffert_hub.times import to_ms

if TYPE_CHECKING:
    import sqlalchemy as sa

    from koffert_hub.alerts.records import Number, Patient

_TARGET = (
    click.option("--target-low", "target_low_pct", type=float, help="Lower end of the target, %."),
    click.option(
        "--target-high", "target_high_pct", type=float, help="Upper end of the target, %."
    ),
    click.option(
        "--scale",
        "spo2_scale",
        type=click.IntRange(1, 2),
        help="NEWS2 SpO2 scale; 2 is for a documented target of 88-92 %.",
    ),
    click.option("--doctor", default="", help="Who answers for these settings."),
)
_LIMITS = (
    click.option("--spo2-floor", "spo2_floor_pct", type=float, help="Red at or below, %."),
    click.option("--pulse-low", "pulse_low_bpm", type=float, help="Red at or below, /min."),
    click.option("--pulse-high", "pulse_high_bpm", type=float, help="Red at or above, /min."),
    click.option(
        "--respiratory-low", "respiratory_rate_low_bpm", type=float, help="Red at or below, /min."
    ),
    click.option(
        "--respiratory-high", "respiratory_rate_high_bpm", type=float, help="Red at or above, /min."
    ),
)
_USUAL = (
    click.option("--usual-spo2", nargs=2, type=float, metavar="MEAN SD", help="What is usual, %."),
    click.option(
        "--usual-pulse", nargs=2, type=float, metavar="MEAN SD", help="What is usual, /min."
    ),
    click.option("--usual-fev1", nargs=2, type=float, metavar="MEAN SD", help="What is usual, L."),
)
_USUAL_SETTINGS = {
    "usual_spo2": ("spo2_mean_pct", "spo2_sd_pct"),
    "usual_pulse": ("pulse_mean_bpm", "pulse_sd_bpm"),
    "usual_fev1": ("fev1_mean_l", "fev1_sd_l"),
}
_CLEARABLE = [key for key in SETTINGS if key not in ("spo2_scale", "on_oxygen")]
_UNITS = {"pct": " %", "bpm": " /min", "l": " L"}
_NOT_SET = dict.fromkeys(PatientLimits.__struct_fields__, "of the rule set")
_NOT_SET |= dict.fromkeys(PatientBaseline.__struct_fields__, "learnt from readings")
_WIDTH = max(map(len, SETTINGS))


def _with(command: Callable[..., Any], options: tuple[Any, ...]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a target saturation and of the doctor who sets it."""
    return _with(command, _TARGET)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a patient's own limits, and of what is usual for the patient."""
    return _with(command, _LIMITS + _USUAL)


def wanted_change(given: dict[str, Any], clear: tuple[str, ...] = ()) -> Change:
    """What the options ask for; an option that was not given leaves what stands."""
    values: dict[str, Any] = dict.fromkeys(clear)
    for option, value in given.items():
        if value is None:
            continue
        if option in _USUAL_SETTINGS:
            values |= zip(_USUAL_SETTINGS[option], value, strict=True)
        else:
            values[option] = value
    return Change(**values)


@click.command(name="settings")
@CONFIG
@click.argument("patient")
@target_options
@limit_options
@click.option(
    "--oxygen/--no-oxygen", "on_oxygen", default=None, help="Whether the patient is on oxygen."
)
@click.option(
    "--discharged",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    help="When the patient left hospital, in Norwegian time.",
)
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(_CLEARABLE),
    metavar="SETTING",
    help="Take the rule set's value, or what is learnt; may be repeated.",
)
@click.option("--history", is_flag=True, help="Show who changed what.")
@json_option
def settings_command(
    config: Path,
    patient: str,
    *,
    doctor: str,
    discharged: datetime | None,
    clear: tuple[str, ...],
    history: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Change what the doctor has set for PATIENT (the pseudonymous key); without options, show it.

    The patient's box is told, and takes a second reading at the new limits from then on.
    """
    settings = hub_settings(config)
    wanted = wanted_change(given, clear)
    if discharged is not None:
        at_ms = to_ms(discharged.replace(tzinfo=OSLO))
        wanted = msgspec.structs.replace(wanted, discharged_ms=at_ms)

    def settle(connection: sa.Connection) -> Patient:
        return prescribe(connection, patient, wanted, doctor, now_ms=wall_ms())

    if wanted != NO_CHANGE:
        _show(change(settings, settle), as_json=as_json)
    elif history:
        _show_history(look(settings, lambda connection: steps(connection, patient)), as_json)
    else:
        _show(look(settings, lambda connection: standing(connection, patient)), as_json=as_json)


def _show(patient: Patient, *, as_json: bool) -> None:
    if as_json:
        print_json(patient)
        return
    for key, value in flat(patient).items():
        click.echo(f"{key:{_WIDTH}}  {_text(key, value)}")


def _show_history(found: list[Step], as_json: bool) -> None:  # noqa: FBT001 - handed on
    if as_json:
        print_json([one._asdict() for one in found])
        return
    for one in found:
        when = datetime.fromtimestamp(one.at_ms / 1_000, OSLO)
        click.echo(f"{when:%Y-%m-%d %H:%M}  {one.doctor or 'the defaults'}")
        for key, (before, now) in one.changed.items():
            click.echo(f"  {key:{_WIDTH}}  {_text(key, before)} → {_text(key, now)}")


def _text(key: str, value: Number) -> str:
    if value is None:
        return _NOT_SET.get(key, "-")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key == "discharged_ms":
        return f"{datetime.fromtimestamp(float(value) / 1_000, OSLO):%Y-%m-%d %H:%M}"
    number = f"{value:g}" if isinstance(value, int | float) else str(value)
    return number + _UNITS.get(key.rsplit("_", 1)[-1], "")
