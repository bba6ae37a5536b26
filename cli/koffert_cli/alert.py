"""`koffert alert`: what the rules make of readings, whether rules are sound, and NEWS2."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from koffert_cli.output import (
    EXIT_BAD_INPUT,
    CommandGroup,
    UserError,
    json_option,
    print_json,
)
from koffert_cli.places import configuration_folder
from koffert_hub.alerts.absence import absences
from koffert_hub.alerts.case import case_of
from koffert_hub.alerts.lines import (
    BadLine,
    BadLines,
    Story,
    alert_record,
    iso,
    moment_ms,
    read_story,
)
from koffert_hub.alerts.records import Alert, Kind
from koffert_hub.alerts.replay import evaluate_arrivals
from koffert_hub.alerts.rules import RulesError, RuleSet, load_rules
from koffert_hub.alerts.scores import NEWS2_PARAMETERS, Observations, news2

_RULES_FOLDER = "rules"
_DEFAULT_RULES = "copd-follow-up.toml"
# Said by the box or the staff: no sign that the patient is measuring.
_NOT_FROM_THE_PATIENT = frozenset({Kind.DEVICE, Kind.CORRECTION})
_YES = frozenset({"true", "yes", "on", "oxygen", "o2"})
_NO = frozenset({"false", "no", "off", "air"})


class _Measured(click.FloatRange):
    """A number in a range; click itself lets nan through."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


@click.group(cls=CommandGroup)
def alert() -> None:
    """The rules that raise alerts."""


@alert.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--rules",
    "rules_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A rule set. Default: the one that comes along.",
)
@click.pass_context
@json_option
def evaluate(
    context: click.Context,
    file: IO[bytes],
    rules_path: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print the alerts that the readings in FILE (- for stdin) would have raised.

    FILE is JSON Lines: the patient on the first line, then one reading a line
    (docs/reference/alert-rules.md). Prints one JSON object for each alert. A file with a bad line is not
    judged: each bad line is named on stderr, and the exit code is 2.
    """
    rules = _rules(rules_path or _default_rules())
    try:
        story = read_story(file)
    except BadLines as error:
        for line in error.lines:
            _show_bad_line(line, machine=as_json or not sys.stdout.isatty())
        context.exit(EXIT_BAD_INPUT)
    for raised in alerts_of(rules, story):
        print_json(alert_record(raised))


def _show_bad_line(line: BadLine, *, machine: bool) -> None:
    if machine:
        print_json(line, err=True)
    else:
        click.echo(f"line {line.line}: {line.error}: {line.detail}", err=True)


def alerts_of(rules: RuleSet, story: Story) -> list[Alert]:
    """All alerts of a story: those of the readings, and those of their absence."""
    alerts = evaluate_arrivals(case_of(rules, story.patient), story.readings)
    arrivals_ms = [
        reading.arrived_ms
        for reading in story.readings
        if reading.kind not in _NOT_FROM_THE_PATIENT and reading.quality >= rules.quality.minimum
    ]
    until_ms = max((reading.arrived_ms for reading in story.readings), default=0)
    alerts += absences(rules, arrivals_ms, until_ms)
    return sorted(alerts, key=lambda one: (one.raised_ms, one.cause, one.revised))


@alert.command("news2")
@click.option("--rr", type=_Measured(0, 150), help="Breaths per minute.")
@click.option("--spo2", type=_Measured(0, 100), help="Oxygen saturation in %.")
@click.option(
    "--scale", type=click.IntRange(1, 2), default=1, show_default=True, help="SpO2 scale."
)
@click.option(
    "--oxygen",
    is_flag=False,
    flag_value="true",
    metavar="[YES/NO/L_MIN]",
    help="Whether oxygen is given.",
)
@click.option("--sbp", type=_Measured(0, 400), help="Systolic pressure in mmHg.")
@click.option("--pulse", type=_Measured(0, 400), help="Beats per minute.")
@click.option(
    "--acvpu",
    type=click.Choice(["A", "C", "V", "P", "U"], case_sensitive=False),
    help="Consciousness.",
)
@click.option("--temp", type=_Measured(15, 50), help="Temperature in °C.")
@json_option
def news2_command(
    *,
    rr: float | None,
    spo2: float | None,
    scale: int,
    oxygen: str | None,
    sbp: float | None,
    pulse: float | None,
    acvpu: str | None,
    temp: float | None,
    as_json: bool,
) -> None:
    """Score what was measured: NEWS2 when it is all seven, else a partial score."""
    result = news2(
        Observations(
            respiratory_rate_bpm=rr,
            spo2_pct=spo2,
            spo2_scale=scale,
            on_oxygen=None if oxygen is None else _is_oxygen(oxygen),
            systolic_mmhg=sbp,
            pulse_bpm=pulse,
            acvpu=acvpu,
            temperature_c=temp,
        )
    )
    if as_json or not sys.stdout.isatty():
        print_json(msgspec.to_builtins(result) | {"of": NEWS2_PARAMETERS, "label": result.label})
    else:
        click.echo(f"{result.score} ({result.label}), risk: {result.risk or 'unknown'}")


@alert.command("replay")
@click.argument("patient")
@click.option("--since", metavar="TIME", help="Leave out what was raised before (ISO 8601).")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    required=True,
    help="The hub's settings (see config/hub.example.toml).",
)
@json_option
def replay_command(patient: str, since: str | None, config: Path, *, as_json: bool) -> None:
    """Judge all that the hub keeps of PATIENT (the pseudonymous key) again; changes nothing."""
    from koffert_cli.alert_replay import replayed  # noqa: PLC0415 - a file needs no database

    since_ms = 0 if since is None else _moment_ms(since)
    for raised in replayed(config, patient, since_ms, _default_rules):
        if as_json or not sys.stdout.isatty():
            print_json(alert_record(raised))
        else:
            click.echo(f"{iso(raised.raised_ms)}  {raised.priority:6}  {raised.text_nb}")


@alert.group(cls=CommandGroup)
def rules() -> None:
    """Rule sets: what holds, and who signed it."""


@rules.command()
@click.argument(
    "files", nargs=-1, metavar="[FILE]...", type=click.Path(dir_okay=False, path_type=Path)
)
@click.pass_context
@json_option
def check(context: click.Context, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Check rule sets, by default all that come along; print version, digest and signatures."""
    machine, failed = as_json or not sys.stdout.isatty(), False
    for path in files or sorted((configuration_folder() / _RULES_FOLDER).glob("*.toml")):
        try:
            _show_rules(path, load_rules(path), machine=machine)
        except RulesError as error:
            failed = True
            _show_problems(error, machine=machine)
    if failed:
        context.exit(EXIT_BAD_INPUT)


@rules.command()
@click.option(
    "--doctor", required=True, help="Who signs: user name, or the name as it stands there."
)
@click.option(
    "--vouched",
    is_flag=True,
    help="The doctor has signed elsewhere, on paper: your name goes into the log in place of the password.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    required=True,
    help="The hub's settings (see config/hub.example.toml).",
)
@json_option
def sign(doctor: str, config: Path, *, vouched: bool, as_json: bool) -> None:
    """Sign the rule set of a hub as it stands; loans may then begin. Any change of it needs a new signature.

    A doctor with an account here gives the own password (asked for, or read from stdin).
    """
    from koffert_cli.alert_signing import signed  # noqa: PLC0415 - a file needs no database

    path, rule_set = signed(config, doctor, vouched=vouched)
    _show_rules(path, rule_set, machine=as_json or not sys.stdout.isatty())


def _show_rules(path: Path, rule_set: RuleSet, *, machine: bool) -> None:
    signatures = rule_set.signatures
    if machine:
        record = {
            "file": path.name,
            "name": rule_set.name,
            "version": rule_set.version,
            "digest": rule_set.digest,
            "signed": bool(signatures),
            "signatures": signatures,
        }
        print_json(record)
        return
    doctors = ", ".join(f"{mark.doctor} {mark.signed_at:%Y-%m-%d}" for mark in signatures)
    state = f"signed by {doctors}" if doctors else "UNSIGNED: every number is a placeholder"
    click.echo(f"{path.name}: {rule_set.name} {rule_set.version}, {state}")
    click.echo(f"  digest {rule_set.digest}")


def _show_problems(error: RulesError, *, machine: bool) -> None:
    for problem in error.problems:
        if machine:
            record = {"error": "bad-rules", **msgspec.to_builtins(problem)}
            print_json(record, err=True)
        else:
            click.echo(str(problem), err=True)


def _is_oxygen(text: str) -> bool:
    word = text.strip().lower()
    if word in _YES | _NO:
        return word in _YES
    try:
        flow_l_min = float(word)
    except ValueError:
        flow_l_min = -1
    if not 0 <= flow_l_min <= 100:
        raise UserError(f"--oxygen takes yes, no or litres a minute, not {text!r}")
    return flow_l_min > 0


def _moment_ms(text: str) -> int:
    try:
        return moment_ms(text)
    except ValueError as error:
        raise UserError(f"--since: {error}", next_step="--since 2026-01-31T12:00:00Z") from error


def _default_rules() -> Path:
    return configuration_folder() / _RULES_FOLDER / _DEFAULT_RULES


def _rules(path: Path) -> RuleSet:
    try:
        return load_rules(path)
    except RulesError as error:
        raise UserError(str(error), next_step=f"koffert alert rules check {path}") from error
