"""One batch in one transaction: every payload filed and logged, and what to answer."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.alert_book import AlertBook
from koffert_hub.clock import (
    MeasuredAt,
    TimeBasis,
    encode_basis,
    is_plainly_wrong,
    measured_at,
    time_basis,
)
from koffert_hub.ingest import (
    Ignore,
    Quarantine,
    Refuse,
    Store,
)
from koffert_hub.intake_records import (
    filed_record,
    quarantined_record,
    refused_record,
)
from koffert_hub.lanes import LaneBook
from koffert_hub.log_record import SALT_BYTES, Event, Result, payload_hash
from koffert_hub.projection import Opened, as_opened
from koffert_hub.technical_alerts import Cause
from koffert_hub.time_series.records import TimeQuality
from koffert_hub.transmission_log import LogWriter
from koffert_wire.envelope import Header
from koffert_wire.errors import Reason
from koffert_wire.messages import Dropped, OfPatient

_MS = 1_000_000
# What was sent so long after it was queued waited for a link, and was not live any more.
_BACKLOG_AFTER_NS = 30 * 1_000_000_000

# Built once: building a statement costs SQLAlchemy more than running it.
_KNOWN_IDS = sa.select(tables.transmission.c.device, tables.transmission.c.id).where(
    sa.tuple_(tables.transmission.c.device, tables.transmission.c.id).in_(
        sa.bindparam("keys", expanding=True)
    )
)
_INSERT_IDS = tables.transmission.insert()
_INSERT_BODIES = tables.body.insert()


class Answer(NamedTuple):
    """What one device is told."""

    stored: list[bytes]
    retry_later: list[tuple[bytes, Reason]]


class Batch(NamedTuple):
    """What a committed batch leads to; answers are sent only after the commit.

    Its records follow `log_after` without a gap up to `log_sequence`; `bodies` are those of patients among
    them. The `draining` devices sent something that was no longer live, the `idle` ones something of no loan.
    """

    answers: dict[str, Answer]
    epoch: bytes
    log_sequence: int
    log_head: bytes
    link_keys: dict[str, bytes]
    stored: int
    draining: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    log_after: int = 0
    bodies: tuple[Opened, ...] = ()


class Filing:
    """Decides what only the database knows, then writes it all at once; for one use."""

    def __init__(
        self,
        connection: sa.Connection,
        random: Callable[[int], bytes],
        now_ms: int,
        quarantine_per_device: int,
        devices: Mapping[str, registry.Device],
    ) -> None:
        self._connection = connection
        self._random = random
        self._now_ms = now_ms
        self._quarantine_per_device = quarantine_per_device
        self._devices = devices
        self._log = LogWriter(connection)
        self._log_after = self._log.position.sequence
        self._lanes = LaneBook(connection, now_ms)
        self._known: set[tuple[str, bytes]] = set()
        self._transmissions: list[dict[str, object]] = []
        self._bodies: list[dict[str, object]] = []
        self._opened: list[Opened] = []
        self._answers: dict[str, Answer] = {}
        self._draining: set[str] = set()
        self._idle: set[str] = set()
        self._alerts = AlertBook(connection, now_ms)

    def file(self, decisions: Sequence[Store | Quarantine | Refuse | Ignore]) -> Batch:
        """Write all of it; returns the answers that hold once the transaction has committed."""
        self._known = self._already_taken(decisions)
        self._lanes.load(_outboxes(decisions))
        for decision in decisions:
            if isinstance(decision, Store):
                self._store(decision)
            elif isinstance(decision, Quarantine):
                self._quarantine(decision)
            elif isinstance(decision, Refuse):
                self._refuse(decision)
        return self._finish()

    def file_again(self, decision: Store) -> Result:
        """Write one payload that was quarantined before, or only that it was discarded."""
        self._known = self._already_taken([decision])
        self._lanes.load(_outboxes([decision]))
        result = self._store_again(decision)
        self._finish()
        return result

    def _finish(self) -> Batch:
        for refusal in self._alerts.raise_all():
            self._log.add(refused_record(refusal, at_ms=self._now_ms))
        position = self._log.flush()
        if self._transmissions:
            self._connection.execute(_INSERT_IDS, self._transmissions)
        if self._bodies:
            self._connection.execute(_INSERT_BODIES, self._bodies)
        self._lanes.save()
        keys = {
            name: self._devices[name].link_key for name in self._answers if name in self._devices
        }
        return Batch(
            self._answers,
            self._log.epoch,
            position.sequence,
            position.head,
            keys,
            len(self._bodies),
            frozenset(self._draining),
            frozenset(self._idle),
            self._log_after,
            tuple(self._opened),
        )

    def _already_taken(
        self, decisions: Iterable[Store | Quarantine | Refuse | Ignore]
    ) -> set[tuple[str, bytes]]:
        asked = {
            (header.device, header.id)
            for decision in decisions
            if (header := _header(decision)) is not None
        }
        if not asked:
            return set()
        rows = self._connection.execute(_KNOWN_IDS, {"keys": list(asked)})
        return {(row.device, row.id) for row in rows}

    def _store(self, decision: Store) -> None:
        header = decision.payload.header
        self._answer(header.device).stored.append(header.id)
        if _is_backlog(decision):
            self._draining.add(header.device)
        if header.loan is None:
            self._idle.add(header.device)
        if self._is_duplicate(header.device, header.id):
            self._note_what_is_lost(decision)
            return
        basis = self._time_basis(decision)
        if _is_unwanted(decision, basis):
            record = filed_record(
                decision, Event.TRANSMISSION, Result.DISCARDED, at_ms=self._now_ms
            )
            self._take_id(header, self._log.add(record))
            self._lanes.arrived(header)
            return
        sequence = self._file_body(decision, basis, Event.TRANSMISSION)
        self._take_id(header, sequence)
        if not self._lanes.arrived(header):
            detail = f"{header.lane} {header.sequence} came twice with different ids"
            self._alerts.add(header.device, Cause.CLONED_OUTBOX, detail)
        self._read_messages(decision, basis, sequence)
        self._note_what_is_lost(decision)

    def _note_what_is_lost(self, decision: Store) -> None:
        """By its stamp the box no longer holds some places that never came."""
        header = decision.payload.header
        lost = self._lanes.stamped(header, decision.payload.stamp)
        if lost:
            detail = f"{lost} in this outbox"
            self._alerts.add(header.device, Cause.LOST_TRANSMISSIONS, detail, count=lost)

    def _store_again(self, decision: Store) -> Result:
        """What was quarantined: its id and its place may have been taken then."""
        header = decision.payload.header
        basis = self._time_basis(decision)
        unwanted = _is_unwanted(decision, basis)
        if unwanted:
            record = filed_record(decision, Event.REQUEUE, Result.DISCARDED, at_ms=self._now_ms)
            sequence = self._log.add(record)
        else:
            sequence = self._file_body(decision, basis, Event.REQUEUE)
        if not self._is_duplicate(header.device, header.id):
            self._take_id(header, sequence)
            self._lanes.arrived(header)
        if unwanted:
            return Result.DISCARDED
        self._read_messages(decision, basis, sequence)
        return Result.STORED

    def _file_body(self, decision: Store, basis: TimeBasis, event: Event) -> int:
        salt, encoded = self._random(SALT_BYTES), encode_basis(basis)
        hashed = payload_hash(salt, decision.payload.header_bytes, decision.opened, encoded)
        record = filed_record(decision, event, Result.STORED, at_ms=self._now_ms, hashed=hashed)
        sequence = self._log.add(record)
        self._bodies.append(
            {
                "log_sequence": sequence,
                "patient": record.patient,
                "loan": record.loan,
                "salt": salt,
                "header": decision.payload.header_bytes,
                "messages": decision.opened,
                "time_basis": encoded,
            }
        )
        return sequence

    def _read_messages(self, decision: Store, basis: TimeBasis, sequence: int) -> None:
        """What was dropped, what the projections will ask for, and clocks that are plainly wrong."""
        header = decision.payload.header
        for message in decision.messages:
            if isinstance(message, Dropped):
                self._lanes.dropped(header, message)
        if decision.loan is None:
            return
        opened = as_opened(sequence, decision.loan.patient, header, decision.messages, basis)
        self._opened.append(opened)
        well_known = [
            ms for _, ms, quality in opened.readings if quality is not TimeQuality.BOUNDED
        ]
        self._lanes.measured(header, max(well_known, default=0))
        for reading, at_ms, quality in opened.readings:
            if quality is not TimeQuality.CORRECTED:
                continue
            if is_plainly_wrong(reading.at, MeasuredAt(at_ms, quality)):
                self._alerts.add(header.device, Cause.WRONG_CLOCK, "the box's wall clock was off")

    def _time_basis(self, decision: Store) -> TimeBasis:
        started_ms = decision.loan.started_ms if decision.loan else None
        earliest_ms = max(started_ms or 0, self._lanes.latest_measured_ms(decision.payload.header))
        return time_basis(
            decision.payload.header,
            decision.payload.stamp,
            received_ns=decision.received.received_ns,
            earliest_ns=earliest_ms * _MS,
        )

    def _quarantine(self, decision: Quarantine) -> None:
        header = decision.header
        if header is not None and self._is_duplicate(decision.device, header.id):
            self._answer(decision.device).stored.append(header.id)
            return
        digest = hashlib.sha256(decision.received.payload).digest()
        if header is None and self._holds(decision.device, digest):
            return
        if self._held(decision.device) >= self._quarantine_per_device:
            self._quarantine_is_full(decision)
            return
        sequence = self._log_and_keep(decision, digest)
        self._alerts.add(decision.device, Cause.QUARANTINED, decision.reason.value)
        if header is not None:
            self._take_id(header, sequence, device=decision.device)
            self._answer(decision.device).stored.append(header.id)
            if header.device == decision.device:
                self._lanes.arrived(header)

    def _log_and_keep(self, decision: Quarantine, digest: bytes) -> int:
        salt = self._random(SALT_BYTES)
        hashed = payload_hash(salt, decision.received.payload)
        record = quarantined_record(decision, at_ms=self._now_ms, hashed=hashed)
        sequence = self._log.add(record)
        self._connection.execute(
            tables.quarantine.insert().values(
                device=decision.device,
                topic=decision.received.topic,
                salt=salt,
                digest=digest,
                payload=decision.received.payload,
                reason=decision.reason,
                detail=decision.detail,
                received_ms=decision.received.received_ns // _MS,
                log_sequence=sequence,
            )
        )
        return sequence

    def _quarantine_is_full(self, decision: Quarantine) -> None:
        self._alerts.add(decision.device, Cause.QUARANTINE_FULL, decision.reason.value)
        if decision.header is not None:
            refused = (decision.header.id, Reason.QUARANTINE_FULL)
            self._answer(decision.device).retry_later.append(refused)

    def _refuse(self, decision: Refuse) -> None:
        """Nothing that an unproven sender says is believed, except the id that it is answered with."""
        self._alerts.add(decision.device, decision.cause, decision.reason.value, refusal=decision)
        refused = (decision.header.id, decision.reason)
        self._answer(decision.device).retry_later.append(refused)

    def _is_duplicate(self, device: str, identifier: bytes) -> bool:
        return (device, identifier) in self._known

    def _take_id(self, header: Header, sequence: int, device: str | None = None) -> None:
        key = (device or header.device, header.id)
        self._known.add(key)
        self._transmissions.append({"device": key[0], "id": key[1], "log_sequence": sequence})

    def _holds(self, device: str, digest: bytes) -> bool:
        table = tables.quarantine
        found = self._connection.execute(
            sa.select(table.c.id).where(table.c.device == device, table.c.digest == digest)
        )
        return found.first() is not None

    def _held(self, device: str) -> int:
        table = tables.quarantine
        count = self._connection.execute(
            sa.select(sa.func.count())
            .select_from(table)
            .where(table.c.device == device, table.c.requeued_ms.is_(None))
        )
        return int(count.scalar_one())

    def _answer(self, device: str) -> Answer:
        return self._answers.setdefault(device, Answer([], []))


def _header(decision: Store | Quarantine | Refuse | Ignore) -> Header | None:
    if isinstance(decision, Store):
        return decision.payload.header
    return decision.header if isinstance(decision, Quarantine) else None


def _is_backlog(decision: Store) -> bool:
    """Whether it had waited when it was sent; across a boot it has."""
    header, stamp = decision.payload.header, decision.payload.stamp
    waited_ns = stamp.sent.boottime_ns - header.created.boottime_ns
    return header.boot != stamp.boot or waited_ns > _BACKLOG_AFTER_NS


def _is_unwanted(decision: Store, basis: TimeBasis) -> bool:
    """Of a patient who was erased, or measured after the patient had withdrawn: none of it is kept."""
    loan = decision.loan
    if loan is None or loan.erased or loan.withdrawn_ms is None:
        return loan is not None and loan.erased
    of_patient = any(isinstance(message, OfPatient) for message in decision.messages)
    return of_patient and measured_at(decision.payload.header.created, basis).ms > loan.withdrawn_ms


def _outboxes(decisions: Iterable[Store | Quarantine | Refuse | Ignore]) -> set[bytes]:
    return {header.outbox for d in decisions if (header := _header(d)) is not None}
