"""What provisioning does about what boxes have said: read from the log's bodies, after its own cursor."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from koffert_hub import tables, technical_alerts
from koffert_hub.authority import Authority
from koffert_hub.clock import TimeBasis, decode_basis, measured_at
from koffert_hub.database import upserts
from koffert_hub.provisioning.desired_state import Desired, desired, note_applied
from koffert_hub.provisioning.nurse_messages import note_read
from koffert_hub.provisioning.renewal import renew_linked
from koffert_hub.technical_alerts import Cause
from koffert_hub.times import to_ms
from koffert_hub.transmission_log import position
from koffert_wire.commands import (
    BoxSettings,
    Command,
    DesiredState,
    NewCertificate,
    NurseMessage,
    PlannedVisit,
    SelfPlan,
)
from koffert_wire.envelope import Header, decode_header
from koffert_wire.messages import (
    CertificateRequest,
    Hello,
    Message,
    MessageRead,
    StateApplied,
    decode_messages,
)

CURSOR = "provisioning"
# Log records per step, some 10 ms of work.
STEP_RECORDS = 1000
_KINDS = frozenset({"hello", "state-applied", "certificate-request", "message-read"})
_SETTINGS = msgspec.msgpack.Decoder(BoxSettings)
_MESSAGE = msgspec.msgpack.Decoder(NurseMessage)
_PLAN = msgspec.msgpack.Decoder(SelfPlan)
_VISITS = msgspec.msgpack.Decoder(tuple[PlannedVisit, ...])
_SET_CURSOR = upserts(tables.cursor, ("sequence",))


class Said(NamedTuple):
    """A message of a box, and what its times mean."""

    header: Header
    message: Message
    basis: TimeBasis


class ToSend(NamedTuple):
    """A command for a box; `again` when it has been sent, and the box has neither asked nor followed."""

    device: str
    command: Command
    again: bool = False


class Reactions:
    """Reads on from the cursor; one object in one thread. What it returns is sent after the commit."""

    def __init__(self, engine: sa.Engine, authority: Authority) -> None:
        self._engine = engine
        self._authority = authority
        # The last two boots that each box greeted with: one that comes back is another machine.
        self._boots: dict[str, tuple[bytes, bytes]] = {}

    def step(self, now: datetime) -> list[ToSend]:
        """React to at most `STEP_RECORDS` records; empty when there was nothing to answer."""
        with self._engine.begin() as connection:
            cursor = _cursor(connection)
            end = min(position(connection).sequence, cursor + STEP_RECORDS)
            if end == cursor:
                return []
            answers = [
                answer
                for said in _said_between(connection, cursor, end)
                for answer in self._react(connection, said, now)
            ]
            row = {"projection": CURSOR, "sequence": end}
            connection.execute(_SET_CURSOR[connection.dialect.name], [row])
        return answers

    def _react(self, connection: sa.Connection, said: Said, now: datetime) -> Iterator[ToSend]:
        device = said.header.device
        match said.message:
            case Hello():
                self._watch_boots(connection, said, now)
                wanted = desired(connection, device)
                if wanted is not None and not wanted.followed:
                    yield ToSend(device, as_command(wanted))
            case StateApplied(revision=revision):
                note_applied(connection, device, revision, now)
            case MessageRead(message=message, at=at):
                read_ms = measured_at(at, said.basis).ms
                note_read(connection, said.header.loan, message, read_ms, now)
            case CertificateRequest(csr=csr):
                pem = renew_linked(connection, self._authority, device, csr, now)
                if pem is not None:
                    yield ToSend(device, NewCertificate(pem))

    def _watch_boots(self, connection: sa.Connection, said: Said, now: datetime) -> None:
        """A, B, A: two machines with one identity push each other out."""
        if not said.basis.same_boot:
            return
        device, boot = said.header.device, said.header.boot
        before, last = self._boots.get(device, (b"", b""))
        if boot == last:
            return
        self._boots[device] = (last, boot)
        if boot == before:
            technical_alerts.raise_alert(
                connection,
                device,
                Cause.CLONED_IDENTITY,
                "two machines greet with this identity in turn",
                now_ms=to_ms(now),
            )


def as_command(wanted: Desired) -> DesiredState:
    """What a box is told to be."""
    settings = None if wanted.settings is None else _SETTINGS.decode(wanted.settings)
    return DesiredState(
        wanted.revision,
        wanted.loan,
        wanted.ends_ms,
        wanted.locked,
        settings,
        wanted.answered_call,
        None if wanted.plan is None else _PLAN.decode(wanted.plan),
        wanted.paused,
        () if wanted.visits is None else _VISITS.decode(wanted.visits),
        None if wanted.message is None else _MESSAGE.decode(wanted.message),
    )


def _cursor(connection: sa.Connection) -> int:
    table = tables.cursor
    sequence: int | None = connection.execute(
        sa.select(table.c.sequence).where(table.c.projection == CURSOR)
    ).scalar_one_or_none()
    return sequence or 0


def _said_between(connection: sa.Connection, after: int, until: int) -> Iterator[Said]:
    body = tables.body
    rows = connection.execute(
        sa.select(body.c.header, body.c.messages, body.c.time_basis)
        .where(body.c.log_sequence > after, body.c.log_sequence <= until)
        .order_by(body.c.log_sequence)
    ).all()
    for row in rows:
        header = decode_header(row.header)
        if header.kind in _KINDS:
            basis = decode_basis(row.time_basis)
            for message in decode_messages(row.messages):
                yield Said(header, message, basis)
