"""What must hold after everything has healed, read from both ends' own files (the box is stopped by then)."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apsw
import sqlalchemy as sa
from msgspec import Struct

from koffert_agent.outbox.records import Draft
from koffert_agent.outbox.store import OutboxStore
from koffert_hub import tables
from koffert_hub.alerts.history import replay
from koffert_hub.alerts.records import TECHNICAL_PREFIX
from koffert_hub.alerts.register import rows_of_loan
from koffert_hub.alerts.rules import load_rules
from koffert_hub.database import reading as open_reading
from koffert_hub.gaps import GapState, decode_gaps
from koffert_hub.log_access import LogSource, public_keys, verify_database
from koffert_hub.projection import StoredBody, open_stored, valid_values
from koffert_hub.setup import wall_ms
from koffert_hub.status import status_of
from koffert_wire.messages import CallButton, Reading, decode_messages
from koffert_wire.topics import Lane
from tests.device_agent.support import QUOTA
from tests.faults.box import BoxUnderFaults
from tests.faults.centre import PATIENT_NAME, RULES, Centre


class Findings(Struct, frozen=True):
    """The nine invariants of the design as counts of what breaks them; all are 0 when all is well."""

    lost: int  # 1: acknowledged and not at the hub
    duplicates: int  # 1
    released_unstored: int  # 2: released by the box, unknown to the hub
    stuck: int  # 2: lanes with rows that no receipt came for, although all was well again
    unexplained: (
        int  # 3: places that the hub calls lost, or on their way although no box holds them
    )
    unnamed_drops: int  # 3: given up by a box and not told to the hub
    alarms_lost: int  # 4: they may overtake, and must come
    log_faults: int  # 5: the chain, or a stored transmission without exactly one record
    replica_faults: int  # 5: the register's records, or no countersigned head
    bad_shown: int  # 6: of a reading that its meter marked as bad, a value
    alerts_unreplayed: int  # 7
    names_leaked: int  # 8: files that hold a patient's name and must not
    misfiled: int  # 9: readings under another loan or patient than they were taken under
    off_by_a_minute: int  # readings whose time the bent clock spoiled

    @property
    def good(self) -> bool:
        """Whether all of them hold."""
        return not any(getattr(self, name) for name in self.__struct_fields__)


class Stored(Struct, frozen=True):
    """What the hub has of one box."""

    readings: list[Reading]
    buttons: list[CallButton]
    times_ms: dict[bytes, int]
    owners: set[tuple[str, str]]


def examine(centre: Centre, boxes: Iterable[BoxUnderFaults], stuck: int) -> Findings:
    """Look at everything; boxes are stopped, the hub may run. `stuck` was counted before they were."""
    engine = centre.hub.engine()
    try:
        with open_reading(engine) as connection:
            return _examine(connection, centre, list(boxes), stuck)
    finally:
        engine.dispose()


def missing(centre: Centre, boxes: Iterable[BoxUnderFaults], asked: Iterable[set[bytes]]) -> int:
    """How many of the readings and calls that are asked for, box by box, the hub does not have yet."""
    engine = centre.hub.engine()
    try:
        with open_reading(engine) as connection:
            return sum(
                len(ids - ids_of(stored_of(connection, box.device)))
                for box, ids in zip(boxes, asked, strict=True)
            )
    finally:
        engine.dispose()


def _examine(
    connection: sa.Connection, centre: Centre, boxes: list[BoxUnderFaults], stuck: int
) -> Findings:
    stored = [stored_of(connection, box.device) for box in boxes]
    known = set(connection.execute(sa.select(tables.transmission.c.id)).scalars())
    status = status_of(connection)
    outboxes = [_Outbox(box) for box in boxes]
    both = list(zip(boxes, stored, strict=True))
    queued = {place for outbox in outboxes for place in outbox.queued}
    return Findings(
        lost=sum(len(set(box.agent.acknowledged) - ids_of(found)) for box, found in both),
        duplicates=sum(_repeated(found) for found in stored),
        released_unstored=sum(len(outbox.released - known) for outbox in outboxes),
        stuck=stuck,
        unexplained=status.lost + len(_on_their_way(connection) - queued),
        unnamed_drops=abs(sum(outbox.dropped for outbox in outboxes) - status.dropped),
        alarms_lost=sum(len(box.pressed - ids_of(found)) for box, found in both),
        log_faults=_log_faults(connection, centre, status.transmissions),
        replica_faults=_replica_faults(centre),
        bad_shown=sum(_bad_shown(found) for found in stored),
        alerts_unreplayed=sum(_alerts_unreplayed(connection, box) for box in boxes),
        names_leaked=_names_leaked(centre, boxes),
        misfiled=sum(found.owners != {(box.lent.patient, box.lent.loan)} for box, found in both),
        off_by_a_minute=sum(_off_by_a_minute(box, found) for box, found in both),
    )


class _Place(NamedTuple):
    """A transmission's place in an outbox."""

    outbox: bytes
    lane: str
    sequence: int


def _on_their_way(connection: sa.Connection) -> set[_Place]:
    return {
        _Place(row.outbox, row.lane, sequence)
        for row in connection.execute(sa.select(tables.lane_progress))
        for gap in decode_gaps(row.gaps)
        if gap.state is GapState.ON_ITS_WAY
        for sequence in range(gap.first, gap.last + 1)
    }


class _Outbox:
    """A stopped box's outbox."""

    def __init__(self, box: BoxUnderFaults) -> None:
        store = OutboxStore(box.outbox, QUOTA, _no_report)
        try:
            self.dropped = sum(count.dropped for count in store.count().values())
            self.queued = {
                _Place(store.outbox_id, row.lane.value, row.sequence)
                for lane in Lane
                for row in store.queued(lane, 0, 2**62, 100_000).rows
            }
        finally:
            store.close()
        database = apsw.Connection(str(box.outbox))
        rows = database.execute("SELECT id FROM transmission WHERE state = 'released'").fetchall()
        database.close()
        self.released = {bytes(one) for (one,) in rows if isinstance(one, bytes)}


def _no_report(_: object) -> Draft:
    raise AssertionError("nothing is given up while a stopped box is looked at")


def stored_of(connection: sa.Connection, device: str) -> Stored:
    """What the hub has of this box."""
    body, log = tables.body, tables.transmission_log
    rows = connection.execute(
        sa.select(body)
        .join(log, log.c.sequence == body.c.log_sequence)
        .where(log.c.device == device)
    )
    found = Stored([], [], {}, set())
    for row in rows:
        messages = decode_messages(row.messages)
        found.buttons.extend(each for each in messages if isinstance(each, CallButton))
        opened = open_stored(
            StoredBody(row.log_sequence, row.patient, row.header, row.messages, row.time_basis)
        )
        for reading, at_ms, _ in opened.readings:
            found.readings.append(reading)
            found.times_ms[reading.id] = at_ms
        found.owners.add((row.patient, row.loan))
    return found


def _all_ids(found: Stored) -> list[bytes]:
    return [each.id for each in found.readings] + [each.id for each in found.buttons]


def ids_of(found: Stored) -> set[bytes]:
    """The readings and calls among it."""
    return set(_all_ids(found))


def _repeated(found: Stored) -> int:
    return len(_all_ids(found)) - len(ids_of(found))


def _bad_shown(found: Stored) -> int:
    bad = (each for each in found.readings if each.quality <= 0)
    return sum(
        bool(valid_values(each)) or any(value is not None for value in each.values.values())
        for each in bad
    )


def _off_by_a_minute(box: BoxUnderFaults, found: Stored) -> int:
    return sum(
        abs(found.times_ms[reading] - at_ms) > 60_000
        for reading, at_ms in box.agent.measured_ms.items()
        if reading in found.times_ms
    )


def _log_faults(connection: sa.Connection, centre: Centre, transmissions: int) -> int:
    source = LogSource(
        centre.hub.settings.database_url, (centre.hub.settings.data_dir / "log.pub",)
    )
    verified = verify_database(source, public_keys(source.log_keys))
    known = connection.execute(
        sa.select(sa.func.count(), sa.func.count(tables.transmission.c.log_sequence.distinct()))
    ).one()
    return (not verified.ok) + (tuple(known) != (transmissions, transmissions))


def _replica_faults(centre: Centre) -> int:
    query = "SELECT sequence, record, head FROM transmission_log ORDER BY sequence"
    records = []
    for database in (centre.database, centre.replica):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            records.append(connection.execute(query).fetchall())
            keys = connection.execute("SELECT DISTINCT key_id FROM signed_head").fetchall()
    countersigned = len(keys) == 2
    return (records[0] != records[1]) + (not countersigned)


def _alerts_unreplayed(connection: sa.Connection, box: BoxUnderFaults) -> int:
    """Alerts of readings that stand and that the rules do not give again, or the reverse.

    Technical ones follow what arrived and when, which no replay of readings gives again.
    """
    rules = load_rules(RULES)
    again = replay(connection, rules, box.lent.patient, since_ms=0, until_ms=wall_ms())
    kept = [
        row.alert
        for row in rows_of_loan(connection, box.lent.loan)
        if not row.alert.revised and not row.alert.cause.startswith(TECHNICAL_PREFIX)
    ]
    return len({_what(one) for one in again} ^ {_what(one) for one in kept})


def _what(alert: object) -> tuple[object, ...]:
    return tuple(getattr(alert, name) for name in ("raised_ms", "cause", "rule", "version"))


def _names_leaked(centre: Centre, boxes: list[BoxUnderFaults]) -> int:
    folder: Path = centre.database.parent.parent
    shared = [*folder.glob("*.log"), centre.replica, *centre.database.parent.glob("time_series*")]
    own = [file for box in boxes for file in box.data_dir.parent.rglob("*") if file.is_file()]
    return sum(PATIENT_NAME.encode() in file.read_bytes() for file in (*shared, *own))
