"""The log records that ingest writes."""

from koffert_hub.ingest import Quarantine, Refuse, Store
from koffert_hub.log_record import Direction, Event, LogRecord, Result
from koffert_wire.envelope import Header


def filed_record(
    decision: Store, event: Event, result: Result, *, at_ms: int, hashed: str | None = None
) -> LogRecord:
    """A transmission that was stored, or that was discarded because its patient was erased or has withdrawn.

    Of the latter it says that it came, and has no hash: nothing of what it held.
    """
    header = decision.payload.header
    return _transmission(
        header,
        event,
        device=header.device,
        patient=decision.loan.patient if decision.loan else None,
        result=result,
        at_ms=at_ms,
        size_bytes=len(decision.received.payload),
        hashed=hashed,
    )


def quarantined_record(decision: Quarantine, *, at_ms: int, hashed: str) -> LogRecord:
    """A transmission that is kept whole because it could not be filed."""
    return _transmission(
        decision.header,
        Event.TRANSMISSION,
        device=decision.device,
        result=Result.QUARANTINED,
        at_ms=at_ms,
        size_bytes=len(decision.received.payload),
        hashed=hashed,
        detail=decision.reason.value,
    )


def refused_record(decision: Refuse, *, at_ms: int) -> LogRecord:
    """A sender that was not believed: nothing that it says of itself is repeated here."""
    return LogRecord(
        sequence=0,
        epoch="",
        at_ms=at_ms,
        event=Event.REFUSAL,
        direction=Direction.UP,
        result=Result.REFUSED,
        device=decision.device,
        bytes=len(decision.received.payload),
        detail=decision.reason.value,
    )


def _transmission(
    header: Header | None,
    event: Event,
    *,
    device: str,
    result: Result,
    at_ms: int,
    size_bytes: int,
    hashed: str | None,
    patient: str | None = None,
    detail: str | None = None,
) -> LogRecord:
    return LogRecord(
        sequence=0,
        epoch="",
        at_ms=at_ms,
        event=event,
        direction=Direction.UP,
        result=result,
        device=device,
        patient=patient,
        loan=header.loan if header else None,
        transmission=header.id.hex() if header else None,
        lane=header.lane.value if header else None,
        content=header.kind if header else None,
        count=header.count if header else None,
        bytes=size_bytes,
        payload_hash=hashed,
        detail=detail,
    )
