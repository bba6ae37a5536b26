"""`koffert signal spirometry` and `koffert signal reference`: blows measured, graded and compared."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from koffert_cli.output import UserError, json_option, print_json
from koffert_cli.spirometry.files import read_curve, unusable
from koffert_cli.spirometry.report import (
    Report,
    as_record,
    as_text,
    comparison_lines,
    comparison_record,
    rounded,
    session_values,
)
from koffert_signal.errors import SignalError
from koffert_signal.reference.gli import Group, Person, Reference, Sex, Values, compare, with_ratio
from koffert_signal.reference.gold import airflow_limitation
from koffert_signal.spirometry.btps import SEA_LEVEL_MMHG, btps_factor
from koffert_signal.spirometry.indices import Blow, measure
from koffert_signal.spirometry.session import MeasuredSession, grade_blows

Command = TypeVar("Command", bound=Callable[..., Any])

REFERENCES = [reference.value for reference in Reference]
NO_REFERENCE = "none"
GROUPS = {group.name.lower().replace("_", "-"): group for group in Group}


def person_options(command: Command) -> Command:
    """Add who blew: sex, age, height and the GLI-2012 group."""
    for option in (
        click.option(
            "--group",
            type=click.Choice(list(GROUPS)),
            default="caucasian",
            show_default=True,
            help="GLI-2012 group; GLI Global has none.",
        ),
        click.option("--height-cm", type=float, required=True, help="Standing height in cm."),
        click.option("--age", "age_y", type=float, required=True, help="Age in decimal years."),
        click.option(
            "--sex",
            type=click.Choice([sex.value for sex in Sex], case_sensitive=False),
            required=True,
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@person_options
@click.option(
    "--reference",
    "reference_name",
    type=click.Choice([*REFERENCES, NO_REFERENCE]),
    default=Reference.GLI_2012.value,
    show_default=True,
    help="Whose predicted values.",
)
@click.option(
    "--room-c", type=float, help="Room temperature, for files that are not BTPS but as measured."
)
@click.option("--pressure-mmhg", type=float, default=SEA_LEVEL_MMHG, show_default=True)
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw the loops to this .png or .svg.",
)
@json_option
def spirometry(
    *,
    files: tuple[Path, ...],
    sex: str,
    age_y: float,
    height_cm: float,
    group: str,
    reference_name: str,
    room_c: float | None,
    pressure_mmhg: float,
    plot_path: Path | None,
    as_json: bool,
) -> None:
    """Measure, judge and grade the blows of one session (ATS/ERS 2019).

    Each FILE holds one blow, in the order they were made: CSV with a header, `time_s,volume_l` or
    `time_s,flow_l_s`.
    """
    person = _person(sex, age_y, height_cm, group)
    blows = tuple(_measure(path, _btps(room_c, pressure_mmhg)) for path in files)
    measured = grade_blows(blows, age_y=age_y)
    report = _report(measured, person, reference_name)
    if plot_path is not None:
        _draw(blows, plot_path)
    if as_json or not sys.stdout.isatty():
        print_json(as_record(report))
    else:
        click.echo(as_text(report))


@click.command()
@person_options
@click.option(
    "--reference",
    "reference_name",
    type=click.Choice(REFERENCES),
    default=Reference.GLI_2012.value,
    show_default=True,
    help="Whose predicted values.",
)
@click.option("--fev1", "fev1_l", type=float, help="Measured FEV1 in L.")
@click.option("--fvc", "fvc_l", type=float, help="Measured FVC in L.")
@click.option("--fef25-75", "fef25_75_l_s", type=float, help="Measured FEF25-75 in L/s.")
@json_option
def reference(
    *,
    sex: str,
    age_y: float,
    height_cm: float,
    group: str,
    reference_name: str,
    fev1_l: float | None,
    fvc_l: float | None,
    fef25_75_l_s: float | None,
    as_json: bool,
) -> None:
    """Print predicted values and limits of normal, and how measured values compare."""
    person = _person(sex, age_y, height_cm, group)
    try:
        measured = with_ratio(Values(fev1_l=fev1_l, fvc_l=fvc_l, fef25_75_l_s=fef25_75_l_s))
        comparison = compare(person, Reference(reference_name), measured)
    except SignalError as error:
        raise UserError(str(error)) from error
    if as_json or not sys.stdout.isatty():
        print_json(rounded(comparison_record(comparison, person)))
    else:
        click.echo("\n".join(comparison_lines(comparison, measured)))


def _person(sex: str, age_y: float, height_cm: float, group: str) -> Person:
    return Person(sex=Sex(sex.upper()), age_y=age_y, height_cm=height_cm, group=GROUPS[group])


def _btps(room_c: float | None, pressure_mmhg: float) -> float:
    try:
        return 1.0 if room_c is None else btps_factor(room_c, pressure_mmhg)
    except SignalError as error:
        raise UserError(str(error)) from error


def _measure(path: Path, btps: float) -> Blow:
    curve = read_curve(path, btps=btps)
    try:
        return measure(curve)
    except SignalError as error:
        raise unusable(path, error) from error


def _report(measured: MeasuredSession, person: Person, reference_name: str) -> Report:
    if reference_name == NO_REFERENCE:
        return Report(measured=measured, person=person, comparison=None, limitation=None)
    values = session_values(measured)
    try:
        comparison = compare(person, Reference(reference_name), values)
    except SignalError as error:
        raise UserError(
            str(error),
            probable_cause="the published equations do not reach this person",
            next_step=f"--reference {NO_REFERENCE} grades without predicted values",
        ) from error
    limitation = airflow_limitation(values.ratio, comparison)
    return Report(measured=measured, person=person, comparison=comparison, limitation=limitation)


def _draw(blows: tuple[Blow, ...], path: Path) -> None:
    if path.suffix.lower() not in {".png", ".svg"}:
        raise UserError(f"{path.name}: a plot ends in .png or .svg")
    from koffert_cli.spirometry.plot import draw  # noqa: PLC0415 - only to draw

    draw(blows, path)
