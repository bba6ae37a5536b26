"""One call: its phases, its participants, its clock. No I/O: what is to be said goes out through `Voice`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from koffert_hub.video.records import Ended, FromPage, PageAnswer, Phase, State, ToPage
from koffert_wire.call import (
    MOST_WATCHERS,
    Answer,
    Answered,
    BoxHungUp,
    BoxPresent,
    CallDown,
    CallOutcome,
    CallUp,
    HangUp,
    Present,
    Ring,
    Ringing,
    Watcher,
)

# A patient of 74 with a stick needs time; then the nurse should try the telephone.
RING_FOR_S = 60.0
# Both sides must know within 5 s; the box says a word each second, and one may be lost on a bad link.
BOX_SILENT_S = 3.5
# A browser says a word each second; a page that hangs is as good as gone.
PAGE_SILENT_S = 3.5
# How long a call waits for somebody who was cut off: a lost link of a minute is not rare in a valley, but a
# patient should not sit before a dead picture for longer than it takes to reach for the telephone.
WAIT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Someone at a page: the account that is logged, the name that the patient sees.

    A guest has no account; `username` then says what kind of guest.
    """

    username: str
    name: str
    send: Callable[[ToPage], None]
    is_staff: bool = True


class Voice(Protocol):
    """What a call is given to speak with."""

    def to_box(self, message: CallDown) -> None:
        """Send to the box, now or never."""

    def ended(self, call: "Call", outcome: CallOutcome) -> None:
        """The call is over; told once."""


class NoSuitcase(Exception):
    """The patient has no box that may ring."""


class CallIsOver(Exception):
    """The call that a page wanted to go back to has ended."""


class SeatLost(Exception):
    """The page was silent for so long that its seat is gone; it may come back to the call."""


class CallIsFull(Exception):
    """As many watch as a box can bear."""


class Seat(Protocol):
    """One page's place in a call."""

    def take(self, message: FromPage) -> None:
        """Act on what the page said; raises SeatLost."""

    def lost(self) -> None:
        """The page's socket closed without a word."""


class Calls(Protocol):
    """What pages need of the switchboard."""

    async def join(self, patient: str, visitor: Visitor, *, back_to: str = "") -> Seat:
        """Call the patient's box, or join the call that goes on; after a break, go `back_to` that one alone.

        Raises NoSuitcase, CallIsFull or CallIsOver.
        """
        ...

    async def join_as_guest(self, token: str, send: Callable[[ToPage], None]) -> Seat:
        """Join the visit that one was invited to. Raises BadInvitation or CallIsFull."""
        ...


@dataclass
class _Seat:
    visitor: Visitor
    heard_s: float


@dataclass
class Bytes:
    """What the box has sent and received of media, over all its peer connections."""

    sent: int = 0
    received: int = 0


@dataclass(kw_only=True)
class Call:
    """A call from `began_s` until it has an outcome; times are monotonic seconds."""

    id: bytes
    device: str
    patient: str
    loan: str
    voice: Voice
    began_s: float
    phase: Phase = Phase.RINGING
    picture: bool = False
    bytes: Bytes = field(default_factory=Bytes)
    everybody: list[str] = field(default_factory=list)
    last_sequence: int = -1
    answered_s: float | None = None
    outcome: CallOutcome | None = None
    _seats: dict[int, _Seat] = field(default_factory=dict)
    _next_seat: int = 1
    _heard_s: float = 0.0
    _empty_s: float | None = None
    _sending: tuple[int, int, int] | None = None

    # -- people -----------------------------------------------------------------------------------

    def join(self, visitor: Visitor, now_s: float) -> int:
        """Take part; returns the number of the seat. Raises CallIsFull."""
        if len(self._seats) >= MOST_WATCHERS:
            raise CallIsFull(self.device)
        number, self._next_seat = self._next_seat, self._next_seat + 1
        self._seats[number] = _Seat(visitor, now_s)
        if visitor.is_staff:
            self._empty_s = None
        if visitor.username not in self.everybody:
            self.everybody.append(visitor.username)
        return number

    def leave(self, number: int, now_s: float) -> None:
        """The page is gone; the box is told at once, and the call waits a while for it to come back."""
        if self._seats.pop(number, None) is None or self.outcome is not None:
            return
        if not self.has_staff and self._empty_s is None:
            self._empty_s = now_s
        self._announce()

    def alive(self, number: int, now_s: float) -> None:
        """A word of a page."""
        if number in self._seats:
            self._seats[number].heard_s = now_s

    @property
    def has_staff(self) -> bool:
        """Whether anybody but guests is at a page: a guest is never alone with the patient."""
        return any(seat.visitor.is_staff for seat in self._seats.values())

    @property
    def seats(self) -> tuple[tuple[int, Visitor], ...]:
        """Who is there, by number."""
        return tuple((number, seat.visitor) for number, seat in self._seats.items())

    def visitor(self, number: int) -> Visitor | None:
        """Who has this seat."""
        seat = self._seats.get(number)
        return None if seat is None else seat.visitor

    def hang_up(self, outcome: CallOutcome = CallOutcome.HUNG_UP) -> None:
        """End for everybody."""
        if self.outcome is None:
            self.voice.to_box(HangUp(self.id, outcome))
            self._end(outcome)

    def announce(self) -> None:
        """Tell everybody where the call is, after somebody joined."""
        self._announce()

    # -- the box ----------------------------------------------------------------------------------

    def hear(self, message: CallUp, now_s: float) -> None:
        """A message of the box, authenticated and fresh."""
        self._heard_s = now_s
        match message:
            case BoxHungUp(outcome=outcome):
                self._box_hung_up(outcome)
            case Answered(picture=picture):
                self._answered(picture, now_s)
            case Answer(watcher=number, round=round_, sdp=sdp, relayed=relayed):
                self._to(number, PageAnswer(round_, sdp, relayed))
            case BoxPresent():
                self._box_present(message)
            case Ringing():
                self._tell_pages()

    def _answered(self, picture: bool, now_s: float) -> None:  # noqa: FBT001 - it is a field
        self.picture = picture
        self.answered_s = now_s if self.answered_s is None else self.answered_s
        self._enter(Phase.TALKING)

    def _box_hung_up(self, outcome: CallOutcome) -> None:
        if outcome is CallOutcome.BOX_LOST and self.phase is Phase.RINGING:
            # Its video process is about to start, or was killed: it is rung again until the time is up.
            return
        self._end(outcome)

    def _box_present(self, message: BoxPresent) -> None:
        self.bytes.sent = max(self.bytes.sent, message.sent_bytes)
        self.bytes.received = max(self.bytes.received, message.received_bytes)
        before = self._sending, self.picture
        self._sending = message.picture
        self.picture = self.picture if message.camera is None else message.camera
        if self.phase is Phase.BOX_AWAY:
            self._enter(Phase.TALKING)
        elif (self._sending, self.picture) != before:
            self._tell_pages()

    # -- time -------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Called each second."""
        for number, seat in list(self._seats.items()):
            if now_s - seat.heard_s > PAGE_SILENT_S:
                self.leave(number, now_s)
        if self.phase is Phase.RINGING:
            self._tick_ringing(now_s)
        else:
            self._tick_talking(now_s)

    def _tick_ringing(self, now_s: float) -> None:
        if not self.has_staff:
            self.hang_up(CallOutcome.NOBODY_LEFT)
        elif now_s - self.began_s > RING_FOR_S:
            self.hang_up(CallOutcome.NO_ANSWER)
        else:
            first = next(seat for seat in self._seats.values() if seat.visitor.is_staff)
            self.voice.to_box(Ring(self.id, first.visitor.name))

    def _tick_talking(self, now_s: float) -> None:
        silent_s = now_s - self._heard_s
        if silent_s > WAIT_S:
            self.hang_up(CallOutcome.BOX_LOST)
        elif self._empty_s is not None and now_s - self._empty_s > WAIT_S:
            self.hang_up(CallOutcome.NOBODY_LEFT)
        else:
            if silent_s > BOX_SILENT_S:
                self._enter(Phase.BOX_AWAY)
            self.voice.to_box(self._present())

    # -- words ------------------------------------------------------------------------------------

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self._announce()

    def _announce(self) -> None:
        if self.phase is not Phase.RINGING:
            self.voice.to_box(self._present())
        self._tell_pages()

    def _present(self) -> Present:
        return Present(
            self.id,
            tuple(Watcher(number, seat.visitor.name) for number, seat in self._seats.items()),
        )

    def _tell_pages(self) -> None:
        names = tuple(seat.visitor.name for seat in self._seats.values())
        for number in self._seats:
            self._to(number, State(self.phase, names, self.picture, self._sending))

    def _to(self, number: int, message: ToPage) -> None:
        seat = self._seats.get(number)
        if seat is not None:
            seat.visitor.send(message)

    def _end(self, outcome: CallOutcome) -> None:
        if self.outcome is not None:
            return
        self.outcome = outcome
        for number in list(self._seats):
            self._to(number, Ended(outcome))
        self._seats.clear()
        self.voice.ended(self, outcome)
