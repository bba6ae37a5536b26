"""A log as the pages see it: the hub's own, or the emergency centre's replica of one."""

import re
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.keys import LOG_PUBLIC_FILE
from koffert_hub.log_beside import false_beside, has_bodies
from koffert_hub.log_export import Span, csv_lines, json_lines, span
from koffert_hub.log_keys import BadAnnouncement, keys_in_force
from koffert_hub.log_record import LogRecord, SignedHead, decode_record, head_is_signed, log_key_id
from koffert_hub.log_search import Page, Query, search_page
from koffert_hub.log_verify import GENESIS, Fault, LogPosition, Verification, verify
from koffert_hub.settings import Settings
from koffert_hub.technical_alerts import Cause, TechnicalAlert, open_alerts
from koffert_hub.transmission_log import position, rows_after, signed_heads

# What one page shows, and how many records it looks at for them: some 0.3 s at the most.
RECORDS_PER_PAGE = 100
RECORDS_PER_LOOK = 100_000
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
# What is wrong with a hub, as its register sees it.
_ABOUT_HUBS = frozenset({Cause.HUB_SILENT, Cause.HUB_CONTRADICTS})


class LogSource(Struct, frozen=True):
    """One hub's log. `name` stands in addresses; `countersigner` is the emergency centre's key, if known.

    `knows_names` says that the patients' names lie in the same database; a replica has none.
    """

    name: str
    engine: sa.Engine
    hub_key: Ed25519PublicKey
    countersigner: Ed25519PublicKey | None = None
    knows_names: bool = False


class OneRecord(Struct, frozen=True):
    """A record with the chain's head after it."""

    record: LogRecord
    head: bytes


class Checked(Struct, frozen=True, kw_only=True):
    """What a check of one record found: the stretch of the log that was verified around it.

    `hub_signed_ms` and `countersigned_ms` are of the first signed head at or after the record; None means
    that there is none yet. `beside` is what beside the record contradicts it, looked at where the stretch holds;
    without `with_bodies` what was sent is not in this database.
    """

    verification: Verification
    beside: Fault | None
    with_bodies: bool
    after: int
    until: int
    hub_signed_ms: int | None
    countersigned_ms: int | None


def own_log(settings: Settings, engine: sa.Engine) -> LogSource:
    """The log of the hub that these settings are of."""
    name = _NOT_IN_A_NAME.sub("-", settings.centre.lower()).strip("-") or "hub"
    register = settings.register
    return LogSource(
        name,
        engine,
        _public_key(settings.data_dir / LOG_PUBLIC_FILE),
        _public_key(register.replica_key) if register else None,
        knows_names=True,
    )


def find_page(source: LogSource, query: Query) -> tuple[Page, int]:
    """The newest matches, and the number of the log's last record, both of one moment."""
    with reading(source.engine) as connection:
        last = position(connection).sequence
        return search_page(connection, query, RECORDS_PER_PAGE, RECORDS_PER_LOOK), last


def find_record(source: LogSource, sequence: int) -> OneRecord | None:
    """The record of this number."""
    with reading(source.engine) as connection:
        row = next(rows_after(connection, sequence - 1, 1), None)
    if row is None or row.sequence != sequence:
        return None
    return OneRecord(decode_record(row.record), row.head)


def check_record(source: LogSource, sequence: int) -> Checked:
    """Verify the stretch between the signed heads around a record: chain, numbers and signatures.

    A head that was signed says that all before it stood as it was; so the stretch starts at the last one
    before the record, and ends at the first at which both keys have signed, else where the log ends.
    Where it holds, what lies beside the record itself is held against it too.
    """
    with reading(source.engine) as connection:
        signers = [_hub_keys(connection, source.hub_key)]
        if source.countersigner is not None:
            signers.append([source.countersigner])
        keys = [key for one in signers for key in one]
        heads = signed_heads(connection)
        start = _signed_before(heads, sequence, keys)
        ours = [_first(heads, sequence, one) for one in signers]
        ends = [head.sequence for head in ours if head is not None]
        until = max(ends) if len(ends) == len(signers) else position(connection).sequence
        rows = rows_after(connection, start.sequence, until - start.sequence)
        within = [head for head in heads if head.sequence <= until]
        outcome = verify(rows, within, keys, start=start)
        beside = false_beside(connection, sequence) if outcome.ok else None
        with_bodies = has_bodies(connection)
    hub, countersigned = (*ours, None)[:2]
    return Checked(
        verification=outcome,
        beside=beside,
        with_bodies=with_bodies,
        after=start.sequence,
        until=until,
        hub_signed_ms=_at(hub),
        countersigned_ms=_at(countersigned),
    )


def about_hub(source: LogSource) -> list[TechnicalAlert]:
    """Whether this hub has fallen silent or contradicts itself."""
    with reading(source.engine) as connection:
        return [alert for alert in open_alerts(connection) if alert.cause in _ABOUT_HUBS]


def export_span(source: LogSource, from_ms: int | None, until_ms: int | None) -> Span:
    """The records of a time, for an export."""
    with reading(source.engine) as connection:
        return span(connection, from_ms, until_ms)


def span_between(source: LogSource, after: int, last: int) -> Span:
    """The records from `after` (exclusive) to `last`; a number beyond the log's ends is brought inside."""
    with reading(source.engine) as connection:
        end = min(last, position(connection).sequence)
        row = next(rows_after(connection, after - 1, 1), None) if after > 0 else None
    return Span(GENESIS if row is None else LogPosition(row.sequence, row.head), end)


def export_lines(source: LogSource, chosen: Span, *, as_csv: bool) -> Iterator[bytes]:
    """The lines of an export."""
    with reading(source.engine) as connection:
        yield from csv_lines(connection, chosen) if as_csv else json_lines(connection, chosen)


def suitcases_of_name(source: LogSource, name: str) -> dict[str, list[str]]:
    """The pseudonymous keys of everyone of exactly this name, each with the suitcases that they had."""
    person, loan = tables.person, tables.loan
    wanted = " ".join(name.split()).casefold()
    with reading(source.engine) as connection:
        people = connection.execute(sa.select(person.c.patient, person.c.display_name)).all()
        keys = [
            row.patient for row in people if " ".join(row.display_name.split()).casefold() == wanted
        ]
        lent = connection.execute(
            sa.select(loan.c.patient, loan.c.device)
            .where(loan.c.patient.in_(keys))
            .order_by(loan.c.created_ms)
        ).all()
    return {key: [row.device for row in lent if row.patient == key] for key in keys}


def _signed_before(
    heads: list[SignedHead], sequence: int, keys: list[Ed25519PublicKey]
) -> LogPosition:
    signed = (
        LogPosition(head.sequence, head.head)
        for head in reversed(heads)
        if head.sequence < sequence and any(head_is_signed(head, key) for key in keys)
    )
    return next(signed, GENESIS)


def _hub_keys(connection: sa.Connection, first: Ed25519PublicKey) -> list[Ed25519PublicKey]:
    """The hub's keys one after another; where an announcement is false, the check itself will name it."""
    try:
        return [one.key for one in keys_in_force(connection, first)]
    except BadAnnouncement:
        return [first]


def _first(
    heads: list[SignedHead], sequence: int, keys: list[Ed25519PublicKey]
) -> SignedHead | None:
    ids = {log_key_id(key) for key in keys}
    return next((one for one in heads if one.sequence >= sequence and one.key_id in ids), None)


def _public_key(path: Path) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(path.read_bytes())


def _at(head: SignedHead | None) -> int | None:
    return None if head is None else head.at_ms
