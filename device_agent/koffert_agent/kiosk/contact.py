"""Patient and nurse: the call button, the video visit, and the nurse's message. No I/O of its own."""

from collections.abc import Callable

from koffert_agent.kiosk.facts import Sent
from koffert_agent.kiosk.moments import Moments
from koffert_agent.kiosk.plan import pages_of_message
from koffert_agent.kiosk.post import Given, Post
from koffert_agent.kiosk.screen import BACK, HANG_UP, MORE, NO_PICTURE, PICTURE, READ
from koffert_agent.video.records import AnswerCall, CallState, CallView, EndCall
from koffert_wire.commands import NurseMessage
from koffert_wire.messages import CallButton, MessageRead


class Contact:
    """What goes on between the two."""

    def __init__(
        self,
        post: Post,
        moments: Moments,
        tell_video: Callable[[AnswerCall | EndCall], None],
    ) -> None:
        self._post = post
        self._moments = moments
        self._tell_video = tell_video
        self._call: Given | None = None
        self._message: NurseMessage | None = None
        # The hub takes a message away once it has heard; until then, also without a network, it stays read here.
        self._read: set[bytes] = set()
        self._page = 0
        self.visit = CallView()

    @property
    def in_visit(self) -> bool:
        """Whether it rings, or somebody is there."""
        return self.visit.state is not CallState.IDLE

    @property
    def message(self) -> tuple[tuple[str, ...], ...]:
        """What is left to read of the nurse's message, page by page; empty when nothing is."""
        if self._message is None or self._message.id in self._read:
            return ()
        return pages_of_message(self._message.text)[self._page :]

    def is_answered(self, answered: bytes | None) -> bool:
        """Whether somebody has taken the call that stands; `answered` is the last one taken."""
        return self._call is not None and self._call.id == answered

    def called(self) -> Sent | None:
        """How far the call has come; None while nobody has called."""
        return self._post.how_far(self._call)

    def ring(self) -> None:
        """The patient asks for the nurse; once is enough."""
        if self._call is None:
            self._call = self._post.give(CallButton(*self._moments.stamp()))

    def see(self, visit: CallView) -> None:
        """The video call has changed."""
        self.visit = visit
        if visit.watchers:
            self._call = None  # somebody has come

    def hold(self, message: NurseMessage | None) -> None:
        """What the hub wants on the screen."""
        if message != self._message:
            self._message, self._page = message, 0

    def press(self, button: str) -> None:
        """A button that is about the nurse; any other means nothing here."""
        if button == HANG_UP:
            self._tell_video(EndCall())
        elif button in {PICTURE, NO_PICTURE}:
            self._tell_video(AnswerCall(button == PICTURE))
        elif button == BACK:
            self._call = None
        elif button == MORE:
            self._page += 1
        elif button == READ and self._message is not None:
            self._read.add(self._message.id)
            self._post.say(MessageRead(*self._moments.stamp(), self._message.id))

    def refuse_visit(self) -> None:
        """Nobody looks through a box that is nobody's: its screen could not even say so."""
        if self.in_visit:
            self._tell_video(EndCall())

    def forget(self) -> None:
        """What one patient was told is nothing to the next."""
        self._call = self._message = None
        self._read.clear()
        self.refuse_visit()
