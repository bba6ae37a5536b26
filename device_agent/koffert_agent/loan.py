"""The loan that the box measures under, as it was last told: `<data_dir>/loan.json`."""

from pathlib import Path

import msgspec
from msgspec import Struct

from koffert_wire.commands import BoxSettings, NurseMessage, PlannedVisit, SelfPlan
from koffert_wire.private_files import replace_private

_FILE = "loan.json"


class UnreadableLoan(Exception):
    """The file is damaged: nobody knows whose readings these would be."""


class CurrentLoan(Struct, frozen=True):
    """`loan` is None while the box is not lent; `revision` grows with each word of the hub.

    `ends_ms` is when the kiosk falls silent by itself, `locked` that the box was reported lost.
    `plan` is the patient's own; `paused` that the patient is away; `visits` are planned; `message` is a nurse's, not
    read yet. `settings` is what the screen goes by; None while the hub has said nothing.
    """

    loan: str | None
    revision: int = 0
    ends_ms: int | None = None
    locked: bool = False
    settings: BoxSettings | None = None
    answered_call: bytes | None = None
    plan: SelfPlan | None = None
    paused: bool = False
    visits: tuple[PlannedVisit, ...] = ()
    message: NurseMessage | None = None


def loan_file(data_dir: Path) -> Path:
    """Where the loan stands."""
    return data_dir / _FILE


def read_loan(data_dir: Path) -> CurrentLoan:
    """The current loan; raises UnreadableLoan."""
    try:
        return msgspec.json.decode(loan_file(data_dir).read_bytes(), type=CurrentLoan)
    except FileNotFoundError:
        return CurrentLoan(None)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableLoan(f"{loan_file(data_dir)}: {error}") from error


def change_loan(data_dir: Path, loan: str | None) -> None:
    """Measure under this loan from the next start on; raises UnreadableLoan."""
    write_loan(data_dir, CurrentLoan(loan, read_loan(data_dir).revision))


def write_loan(data_dir: Path, current: CurrentLoan) -> None:
    """Keep what the hub has said, or what nobody may go back behind."""
    replace_private(loan_file(data_dir), msgspec.json.encode(current))
