"""All calls of a hub: pages on one side, boxes over the broker on the other.

A link of its own to the broker, beside ingest's: nothing of a call waits behind a commit.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub.log_record import Result
from koffert_hub.own_thread import OwnThread
from koffert_hub.video.call import Call, CallIsOver, NoSuitcase, SeatLost, Visitor
from koffert_hub.video.guests import Guest, GuestBook
from koffert_hub.video.records import (
    FromPage,
    Ice,
    Invited,
    Joined,
    PageAlive,
    PageCaption,
    PageHangUp,
    PageInvite,
    PageLeave,
    PageMeasure,
    PageOffer,
    Servers,
    ToPage,
)
from koffert_hub.video.register import Suitcase, VisitNote, suitcase_of, write_note
from koffert_hub.video.turn import CREDENTIAL_LIFE_S, TurnCredentials
from koffert_wire import downlink, topics
from koffert_wire.call import (
    EXPIRES_NS,
    CallDown,
    CallOutcome,
    Caption,
    IceServer,
    Measure,
    Offer,
    encode_call_down,
    open_call_up,
    parse_call_up,
)
from koffert_wire.downlink import Down
from koffert_wire.errors import WireError
from koffert_wire.identifiers import uuid7
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError
from koffert_wire.reconnect import Backoff, Link, keep_connected
from koffert_wire.sealing import SealingKeys
from koffert_wire.topics import DownKind

_TICK_S = 1.0
_RECONNECT = Backoff(first_s=0.2, cap_s=2.0)
_UUID7_RANDOM_BYTES = 10
_LOG = logging.getLogger(__name__)


class _Line(NamedTuple):
    call: Call
    suitcase: Suitcase


class Switchboard:
    """Runs until `stop`. Belongs to one event loop; calls do not outlive it."""

    def __init__(
        self,
        engine: sa.Engine,
        endpoint: Endpoint,
        keys: SealingKeys,
        turn: TurnCredentials,
        wall_ns: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._keys = keys
        self._turn = turn
        self._wall_ns = wall_ns
        self._lines: dict[str, _Line] = {}
        self._connection: MqttConnection | None = None
        self._stopping = asyncio.Event()
        # The reconnect loop uses this one up, so that a stop is never taken for a wake and lost.
        self._wake = asyncio.Event()
        self._thread = OwnThread("calls")
        self._notes: set[asyncio.Task[None]] = set()
        self._guests = GuestBook()

    @property
    def is_connected(self) -> bool:
        """Whether boxes can be reached."""
        return self._connection is not None

    def stop(self) -> None:
        """End every call, then end."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Carry calls, for ever."""
        with self._thread:
            ticking = asyncio.create_task(self._tick(), name="calls")
            try:
                await keep_connected(
                    "broker, calls",
                    self._session,
                    policy=lambda _error: _RECONNECT,
                    retry_on=(MqttError,),
                    wake=self._wake,
                    random=random.random,
                    log=_LOG,
                )
            finally:
                ticking.cancel()
                await asyncio.gather(*self._notes, return_exceptions=True)

    # -- pages ------------------------------------------------------------------------------------

    async def join(self, patient: str, visitor: Visitor, *, back_to: str = "") -> "Place":
        """See `Calls`."""
        suitcase = await self._thread(partial(suitcase_of, self._engine, patient))
        if suitcase is None:
            raise NoSuitcase(patient)
        line = self._lines.get(suitcase.device)
        if back_to and (line is None or line.call.id.hex() != back_to):
            # Nobody rings at a patient's because a browser came back from somewhere.
            raise CallIsOver(back_to)
        if line is not None and line.call.patient != patient:
            line.call.hang_up(CallOutcome.REPLACED)
            line = None
        if line is None:
            line = self._begin(patient, suitcase)
        return self._seat(line.call, line.call.join(visitor, self._now_s()), visitor)

    async def join_as_guest(self, token: str, send: Callable[[ToPage], None]) -> "Place":
        """See `Calls`."""
        guest = self._guests.who(token, self._now_s())
        [call] = [line.call for line in self._lines.values() if line.call.id == guest.call]
        name = f"guest-{guest.kind.value}"
        visitor = Visitor(username=name, name=guest.name, send=send, is_staff=False)
        number = call.join(visitor, self._now_s())
        # Only now: a link that found the visit full can be tried again.
        return self._seat(call, number, visitor, back=self._guests.use(token))

    def _seat(self, call: Call, number: int, visitor: Visitor, *, back: str = "") -> "Place":
        self._note(call, f"joined:{visitor.username}")
        visitor.send(Joined(call.id.hex(), number, self._ice(call, number), back))
        call.announce()
        call.tick(self._now_s())
        return Place(self, call, number)

    def _begin(self, patient: str, suitcase: Suitcase) -> _Line:
        call = Call(
            id=self._new_id(),
            device=suitcase.device,
            patient=patient,
            loan=suitcase.loan,
            voice=self,
            began_s=self._now_s(),
        )
        line = self._lines[suitcase.device] = _Line(call, suitcase)
        self._note(call, "started")
        return line

    def take(self, call: Call, number: int, message: FromPage) -> None:
        """Act on what a page said; raises SeatLost."""
        if call.outcome is None and call.visitor(number) is None:
            raise SeatLost(number)
        now_s = self._now_s()
        call.alive(number, now_s)
        match message:
            case PageOffer(round=round_, sdp=sdp, relay_only=relay_only):
                ice = self._turn.servers(f"box-{call.id.hex()[-8:]}", self._wall_s())
                self.send(call, Offer(call.id, number, round_, sdp, ice, relay_only))
            case PageCaption(text=text):
                self.send(call, Caption(call.id, text))
            case PageHangUp():
                call.hang_up()
            case PageLeave():
                self.leave(call, number, meant=True)
            case PageMeasure():
                self.send(call, Measure(call.id))
            case PageInvite():
                self._invite(call, number, message)
            case PageAlive():
                pass

    def _invite(self, call: Call, number: int, wish: PageInvite) -> None:
        host = call.visitor(number)
        if host is None or not host.is_staff:
            return
        guest = Guest(call.id, wish.kind, wish.name, host.username)
        self._note(call, f"invited:{wish.kind.value} by:{host.username}")
        host.send(Invited(wish.kind, self._guests.invite(guest, self._now_s())))

    def leave(self, call: Call, number: int, *, meant: bool) -> None:
        """A page is gone; a call that the last one left on purpose is over."""
        call.leave(number, self._now_s())
        if meant and not call.has_staff:
            call.hang_up()

    # -- boxes ------------------------------------------------------------------------------------

    def to_box(self, message: CallDown) -> None:
        """See `Voice`."""
        for line in list(self._lines.values()):
            if line.call.id == message.call:
                self.send(line.call, message)

    def send(self, call: Call, message: CallDown) -> None:
        """Publish to the box of a call, if the broker is there."""
        line = self._lines.get(call.device)
        if line is None or line.call is not call or self._connection is None:
            return
        now_ns = self._wall_ns()
        down = Down(DownKind.CALL, self._new_id(), now_ns, encode_call_down(message))
        payload = downlink.encode_down(down, call.device, line.suitcase.link_key)
        self._connection.publish(topics.down(call.device, DownKind.CALL), payload, qos=0)

    def hear(self, incoming: Incoming) -> None:
        """A message of a box; what is not proven, not fresh or of no call is refused."""
        device = topics.parse_up_call(incoming.topic)
        line = self._lines.get(device or "")
        if device is None or line is None:
            return
        call = line.call
        try:
            parsed = parse_call_up(incoming.payload)
            message = open_call_up(
                parsed, device=device, link_key=line.suitcase.link_key, keys=self._keys
            )
        except WireError as error:
            _LOG.warning("call signalling of %s refused: %s", device, error)
            self._note(call, f"refused:{error.reason.value}", result=Result.REFUSED)
            return
        stale = abs(self._wall_ns() - parsed.issued_ns) > EXPIRES_NS
        if stale or parsed.sequence <= call.last_sequence or message.call != call.id:
            _LOG.warning("call signalling of %s refused: old, repeated or of another call", device)
            return
        call.last_sequence = parsed.sequence
        call.hear(message, self._now_s())

    def ended(self, call: Call, outcome: CallOutcome) -> None:
        """See `Voice`."""
        talked_s = 0.0 if call.answered_s is None else self._now_s() - call.answered_s
        self._note(
            call,
            f"ended:{outcome.value} seconds:{talked_s:.0f} sent:{call.bytes.sent}"
            f" received:{call.bytes.received} by:{','.join(call.everybody)}",
            count=len(call.everybody),
            size=call.bytes.sent + call.bytes.received,
            held_ms=None
            if call.answered_s is None
            else self._wall_ns() // 1_000_000 - int(talked_s * 1000),
        )
        self._guests.close(call.id)
        line = self._lines.get(call.device)
        if line is not None and line.call is call:
            del self._lines[call.device]

    # -- running ----------------------------------------------------------------------------------

    async def _session(self, link: Link) -> None:
        if self._stopping.is_set():
            return
        connection = MqttConnection(self._endpoint, on_message=self.hear)
        stopping = asyncio.create_task(self._stopping.wait(), name="calls stop")
        closed = asyncio.create_task(connection.wait_closed(), name="calls link")
        try:
            await connection.open()
            await connection.subscribe(topics.UP_CALL_ANY_DEVICE, qos=0)
            self._connection = connection
            link.established()
            await asyncio.wait((stopping, closed), return_when=asyncio.FIRST_COMPLETED)
            if not self._stopping.is_set():
                raise closed.result()
            for line in list(self._lines.values()):
                line.call.hang_up(CallOutcome.HUB_LOST)
        finally:
            self._connection = None
            stopping.cancel()
            closed.cancel()
            await connection.close()

    async def _tick(self) -> None:
        renewed_s = self._now_s()
        while True:
            await asyncio.sleep(_TICK_S)
            for line in list(self._lines.values()):
                line.call.tick(self._now_s())
            if self._now_s() - renewed_s > CREDENTIAL_LIFE_S / 2:
                renewed_s = self._now_s()
                self.renew_credentials()

    def renew_credentials(self) -> None:
        """A visit outlives what its pages were given to join with; the box gets its own with each offer."""
        for line in self._lines.values():
            for number, visitor in line.call.seats:
                visitor.send(Servers(self._ice(line.call, number)))

    def _note(
        self,
        call: Call,
        what: str,
        *,
        count: int | None = None,
        size: int | None = None,
        result: Result = Result.DONE,
        held_ms: int | None = None,
    ) -> None:
        note = VisitNote(
            at_ms=self._wall_ns() // 1_000_000,
            device=call.device,
            patient=call.patient,
            loan=call.loan,
            call=call.id,
            what=what,
            count=count,
            bytes=size,
            result=result,
            held_ms=held_ms,
        )
        task = asyncio.create_task(
            self._thread(partial(write_note, self._engine, note)), name="call note"
        )
        self._notes.add(task)
        task.add_done_callback(self._noted)

    def _noted(self, task: "asyncio.Task[None]") -> None:
        self._notes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a call could not be written to the log: %s", error)

    def _ice(self, call: Call, number: int) -> tuple[Ice, ...]:
        servers = self._turn.servers(f"page-{call.id.hex()[-8:]}-{number}", self._wall_s())
        return tuple(_for_page(server) for server in servers)

    def _new_id(self) -> bytes:
        return uuid7(self._wall_ns(), secrets.token_bytes(_UUID7_RANDOM_BYTES))

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _wall_s(self) -> float:
        return self._wall_ns() / 1e9


class Place(NamedTuple):
    """One page's seat in a call."""

    switchboard: Switchboard
    call: Call
    number: int

    def take(self, message: FromPage) -> None:
        """Act on what the page said; raises SeatLost."""
        self.switchboard.take(self.call, self.number, message)

    def lost(self) -> None:
        """The page's socket closed without a word."""
        self.switchboard.leave(self.call, self.number, meant=False)


def _for_page(server: IceServer) -> Ice:
    return Ice(server.urls, server.username, server.credential)
