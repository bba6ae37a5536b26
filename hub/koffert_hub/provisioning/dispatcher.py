"""Tells boxes what they should be, and hears whether they are there: a link of its own to the broker.

A change is sent when it is made, after each hello of the box, and now and then until the box has
confirmed it. The broker keeps none of it: a box that is offline hears it after its next hello.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts.civil import StaffingHours
from koffert_hub.authority import Authority
from koffert_hub.database import reading
from koffert_hub.log_record import Direction, Event, Result
from koffert_hub.own_thread import OwnThread
from koffert_hub.provisioning.box_settings import Standard, bring_up_to_date
from koffert_hub.provisioning.desired_state import unfollowed
from koffert_hub.provisioning.link_watch import LinkWatch
from koffert_hub.provisioning.reactions import Reactions, ToSend, as_command
from koffert_hub.times import to_ms
from koffert_hub.transmission_log import LogWriter, draft
from koffert_wire import downlink, topics
from koffert_wire.commands import DesiredState, encode_command
from koffert_wire.downlink import Down
from koffert_wire.identifiers import uuid7
from koffert_wire.mqtt import Endpoint, MqttConnection, MqttError
from koffert_wire.reconnect import Backoff, Link, keep_connected
from koffert_wire.topics import DownKind

# How soon a change made by a command line beside the hub goes out.
TICK_S = 0.5
# A box that did not confirm is told again this often while it may be online.
AGAIN_S = 30.0

_RECONNECT = Backoff(first_s=0.2, cap_s=5.0)
_UUID7_RANDOM_BYTES = 10
_LOG = logging.getLogger(__name__)


class Dispatcher:
    """Runs until `stop`. Without a `standard` boxes are told of their loans alone."""

    def __init__(
        self,
        engine: sa.Engine,
        authority: Authority,
        endpoint: Endpoint,
        wall_ns: Callable[[], int],
        standard: Callable[[], Standard] | None = None,
    ) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._wall_ns = wall_ns
        self._standard = standard
        # Hours and telephone that all boxes were looked at for; the rules stay what they are until a new start.
        self._told_of: tuple[StaffingHours | None, str | None] | None = None
        self._reactions = Reactions(engine, authority)
        self._links = LinkWatch()
        self._told: dict[str, tuple[int, float]] = {}
        self._stopping = asyncio.Event()
        # Not the same: waiting for the broker clears its event before it waits.
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """End after the step in hand."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """React and tell, for ever."""
        with OwnThread("provisioning") as thread:

            async def session(link: Link) -> None:
                await self._session(link, thread)

            await keep_connected(
                "broker, provisioning",
                session,
                policy=lambda _error: _RECONNECT,
                retry_on=(MqttError,),
                wake=self._wake,
                random=random.random,
                log=_LOG,
            )

    async def _session(self, link: Link, thread: OwnThread) -> None:
        if self._stopping.is_set():
            return
        connection = MqttConnection(self._endpoint, on_message=self._links.hear)
        stopping = asyncio.create_task(self._stopping.wait(), name="provisioning stop")
        try:
            await connection.open()
            await connection.subscribe(topics.UP_LINK_ANY_DEVICE)
            link.established()
            closed = asyncio.create_task(connection.wait_closed(), name="provisioning link")
            while not self._stopping.is_set():
                for message in await thread(self._step):
                    await connection.publish(*message)
                await asyncio.wait(
                    (stopping, closed), timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED
                )
                if closed.done():
                    raise closed.result()
            closed.cancel()
        finally:
            stopping.cancel()
            await connection.close()

    def _step(self) -> list[tuple[str, bytes]]:
        """Everything that is to be published now, as (topic, payload)."""
        now = datetime.fromtimestamp(self._wall_ns() / 1e9, UTC)
        with self._engine.begin() as connection:
            self._links.step(connection, now)
            if self._standard is not None:
                standard = self._standard()
                centre = standard.staffing, standard.telephone
                every = self._told_of != centre
                bring_up_to_date(connection, standard, now, every=every)
                self._told_of = centre
        answers = self._reactions.step(now)
        with reading(self._engine) as connection:
            due = answers + self._due(connection, {answer.device for answer in answers})
            devices = registry.devices(connection, {item.device for item in due})
        packed = [
            self._pack(item, device.link_key)
            for item in due
            if (device := devices.get(item.device)) is not None
        ]
        self._log_what_is_new(packed, now)
        return [(topics.down(one.item.device, DownKind.COMMAND), one.payload) for one in packed]

    def _log_what_is_new(self, packed: list["Packed"], now: datetime) -> None:
        """Before it is sent; the same once more, which the box has not asked for, is no other transmission."""
        new = [one for one in packed if not one.item.again]
        if not new:
            return
        with self._engine.begin() as connection:
            named = {one.loan for one in new if one.loan is not None}
            loans = registry.loans(connection, named)
            writer = LogWriter(connection)
            for one in new:
                loan = loans.get(one.loan or "")
                writer.add(
                    draft(
                        Event.TRANSMISSION,
                        Result.SENT,
                        at_ms=to_ms(now),
                        direction=Direction.DOWN,
                        device=one.item.device,
                        patient=loan.patient if loan else None,
                        loan=one.loan,
                        transmission=one.identifier.hex(),
                        content=str(one.item.command.__struct_config__.tag),
                        bytes=len(one.payload),
                    )
                )
            writer.flush()

    def _due(self, connection: sa.Connection, answered: set[str]) -> list[ToSend]:
        now_s = self._wall_ns() / 1e9
        due = []
        for wanted in unfollowed(connection):
            revision, told_s = self._told.get(wanted.device, (0, 0.0))
            fresh = revision != wanted.revision
            if wanted.device not in answered and (fresh or now_s - told_s >= AGAIN_S):
                due.append(ToSend(wanted.device, as_command(wanted), again=not fresh))
                self._told[wanted.device] = (wanted.revision, now_s)
        return due

    def _pack(self, item: ToSend, link_key: bytes) -> "Packed":
        now_ns = self._wall_ns()
        identifier = uuid7(now_ns, secrets.token_bytes(_UUID7_RANDOM_BYTES))
        down = Down(DownKind.COMMAND, identifier, now_ns, encode_command(item.command))
        return Packed(item, identifier, downlink.encode_down(down, item.device, link_key))


class Packed(NamedTuple):
    """A command as it goes over the wire."""

    item: ToSend
    identifier: bytes
    payload: bytes

    @property
    def loan(self) -> str | None:
        """The loan that it is about."""
        return self.item.command.loan if isinstance(self.item.command, DesiredState) else None
