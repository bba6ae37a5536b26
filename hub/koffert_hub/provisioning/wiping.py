"""Accepting a box's own proof that nothing of the last patient is on it, in the caller's transaction."""

from datetime import datetime

import sqlalchemy as sa

from koffert_hub import registry, tables, technical_alerts
from koffert_hub.log_record import Event, Result
from koffert_hub.provisioning.fleet import Item, LastLoan
from koffert_hub.provisioning.journal import note
from koffert_hub.provisioning.tables import checklist
from koffert_hub.registry import RegistryError
from koffert_hub.technical_alerts import Cause
from koffert_hub.times import to_ms
from koffert_wire.errors import UntrustedPayload
from koffert_wire.wipe_report import SignedWipe, WipeReport, check_wipe, loan_digest


def accept_wipe(
    connection: sa.Connection, device: str, loan: LastLoan, signed: SignedWipe, now: datetime
) -> None:
    """Tick the box's wiping off; what was discarded is noted as lost. Raises RegistryError."""
    report = signed.report
    _check(connection, device, loan, signed)
    lost = sum(report.discarded.values())
    if lost or report.unreadable:
        detail = f"{lost} discarded, {report.unreadable} outboxes unreadable"
        cause = Cause.LOST_TRANSMISSIONS
        technical_alerts.raise_alert(
            connection, device, cause, detail, now_ms=to_ms(now), count=max(lost, 1)
        )
    note(
        connection,
        Event.ERASURE,
        Result.DONE,
        device=device,
        loan=loan.id,
        detail=f"box wiped, {lost} discarded",
        now=now,
    )
    if Item.WIPED in loan.open_items:
        connection.execute(
            checklist.insert().values(
                loan=loan.id, item=Item.WIPED, done_ms=to_ms(now), detail=f"{lost} discarded"
            )
        )


def _check(connection: sa.Connection, device: str, loan: LastLoan, signed: SignedWipe) -> None:
    report = signed.report
    registered = registry.devices(connection, [device]).get(device)
    if registered is None or report.device != device:
        raise RegistryError(f"the report is of another box: {report.device}")
    try:
        check_wipe(signed, registered.link_key)
    except UntrustedPayload as error:
        raise RegistryError(f"the report was not made by {device}") from error
    if report.found:
        raise RegistryError(f"the report says that {len(report.found)} traces are left")
    if not _is_of_this_loan(connection, loan, report):
        raise RegistryError("the report is older than this loan")


def _is_of_this_loan(connection: sa.Connection, loan: LastLoan, report: WipeReport) -> bool:
    """It names the loan; or the box, which was no longer told of it, was wiped after its start."""
    if loan_digest(loan.id) in report.loans:
        return True
    table = tables.loan
    started_ms: int | None = connection.execute(
        sa.select(table.c.started_ms).where(table.c.id == loan.id)
    ).scalar_one()
    return started_ms is not None and report.wiped_at_ms > started_ms
