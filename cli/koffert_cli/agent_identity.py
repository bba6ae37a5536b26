"""`koffert agent enrol` and `set-loan`: who the box is, and whose readings it takes.

Exit codes of `enrol`: 10 used token, 11 expired token, 12 unknown token, 13 wrong authority, 14 no network,
15 wrong clock, 16 revoked, 17 the answer makes no sense.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from koffert_agent.enrolment.failures import EnrolmentError, Failure
from koffert_cli.agent_options import CONFIG, data_dir_of, settings_of
from koffert_cli.output import EXIT_FAILED, UserError, json_option, print_json

if TYPE_CHECKING:
    from typing import TextIO


class Advice(NamedTuple):
    """What a person is told about a failure, and the exit code that a script sees."""

    exit_code: int
    message: str
    cause: str
    next_step: str


# A host name of 253 signs and the rest; a file that is longer is something else.
_LONGEST_CODE = 1024

_NEW_CODE = "koffert device add DEVICE --again   (at the hub)"

ADVICE: dict[Failure, Advice] = {
    Failure.USED_TOKEN: Advice(
        10,
        "another box has used this code",
        "it was scanned twice, or copied; the hub has raised an alert",
        _NEW_CODE,
    ),
    Failure.EXPIRED_TOKEN: Advice(
        11, "this code has expired", "codes are valid for a day unless told otherwise", _NEW_CODE
    ),
    Failure.UNKNOWN_TOKEN: Advice(
        12, "the hub does not know this code", "a newer code was made, or it is mistyped", _NEW_CODE
    ),
    Failure.WRONG_AUTHORITY: Advice(
        13,
        "this is not the hub that the code is from",
        "another server answers at its address; the token was not sent to it",
        "ask who answers there; do not go on in this network",
    ),
    Failure.NO_NETWORK: Advice(
        14,
        "the hub cannot be reached",
        "no link, a wrong name or address, or a firewall in between",
        "koffert agent doctor",
    ),
    Failure.WRONG_CLOCK: Advice(
        15,
        "the box's clock is wrong",
        "it has no battery and no time service has answered yet",
        "timedatectl   (wait for 'synchronized: yes', then enrol again)",
    ),
    Failure.REVOKED: Advice(16, "this box was revoked", "it was reported as lost", _NEW_CODE),
    Failure.EXPIRED_LONG_AGO: Advice(
        16, "this box was away for too long", "its certificate ended over 30 days ago", _NEW_CODE
    ),
    Failure.NOT_UNDERSTOOD: Advice(
        17,
        "box and hub do not understand each other",
        "their versions are too far apart, or a proxy is in between",
        "koffert --version   (on both)",
    ),
}


@click.command()
@CONFIG
@click.argument("code", required=False)
@click.option(
    "--code-file",
    type=click.File(encoding="ascii", errors="replace"),
    help="A file with the code, as `koffert device add --code-file` writes it.",
)
@json_option
def enrol(config: Path, code: str | None, code_file: TextIO | None, *, as_json: bool) -> None:
    """Give this box its identity with the CODE that `koffert device add` shows; asks when left out."""
    from koffert_agent.clock import SystemClock  # noqa: PLC0415 - the group's help does without
    from koffert_agent.enrolment.enrol import enrol as enrol_box  # noqa: PLC0415
    from koffert_agent.enrolment.identity import DamagedIdentity, identity_files  # noqa: PLC0415
    from koffert_wire.enrolment import CodeError, parse_code  # noqa: PLC0415

    files = identity_files(data_dir_of(config))
    clock = SystemClock()
    if code is not None and code_file is not None:
        raise click.UsageError("give the code or its file")
    written = code_file.read(_LONGEST_CODE).strip() if code_file else code
    text: str = written or click.prompt("Enrolment code")
    try:
        identity = enrol_box(files, parse_code(text), lambda: clock.wall_ns() // 1_000_000)
    except CodeError as error:
        raise UserError(str(error), next_step="scan or type it again, from KOFFERT1 on") from error
    except EnrolmentError as error:
        raise _explained(error) from error
    except (DamagedIdentity, OSError) as error:
        raise UserError(
            f"the identity cannot be kept: {error}",
            next_step=f"look at {files.folder}",
            exit_code=EXIT_FAILED,
        ) from error
    if as_json:
        broker = f"{identity.broker_host}:{identity.broker_port}"
        print_json({"device": identity.device, "broker": broker})
    else:
        click.echo(f"This box is {identity.device}. Next: koffert agent run")


@click.command(name="set-loan")
@CONFIG
@click.argument("loan", required=False)
@click.option("--none", "nobody", is_flag=True, help="The box is not lent.")
@json_option
def set_loan(config: Path, loan: str | None, *, nobody: bool, as_json: bool) -> None:
    """Measure under LOAN (see `koffert device lend`) from the agent's next start on."""
    from koffert_agent.loan import UnreadableLoan, change_loan  # noqa: PLC0415

    if (loan is None) != nobody:
        raise click.UsageError("give the loan's id, or --none")
    settings = settings_of(config)
    try:
        change_loan(settings.data_dir, loan)
    except UnreadableLoan as error:
        raise UserError(str(error), next_step="koffert agent wipe") from error
    if as_json:
        print_json({"device": settings.device, "loan": loan})
    else:
        click.echo(f"{settings.device}: {'not lent' if loan is None else f'loan {loan}'}")


def _explained(error: EnrolmentError) -> UserError:
    advice = ADVICE[error.reason]
    return UserError(
        f"{advice.message} ({error.detail})",
        probable_cause=advice.cause,
        next_step=advice.next_step,
        exit_code=advice.exit_code,
    )
