"""The blows of one patient on their way: begun, heard, handed over. Loads what measures them only when somebody blows."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from koffert_agent.kiosk.effort import Effort, Tries
from koffert_agent.kiosk.moments import Moments
from koffert_agent.kiosk.post import Given, Post
from koffert_signal.spirometry.states import Advice, Phase
from koffert_wire.messages import Spirometry

if TYPE_CHECKING:
    from koffert_agent.kiosk.blowing import Blowing
    from koffert_agent.kiosk.facts import Sent
    from koffert_agent.kiosk.records import Breath

# Flow that stops in the middle of a blow does not go on with it.
_BREATH_GONE_S = 2.0


class Mouthpiece:
    """One session of blows at a time; nothing before the first `open`."""

    def __init__(self, post: Post, moments: Moments) -> None:
        self._post = post
        self._moments = moments
        self._blowing: Blowing | None = None
        self._breath_at_s = -inf
        self._sent: Given | None = None

    @property
    def effort(self) -> Effort:
        """The blow as it stands."""
        return self._blowing.effort if self._blowing else Effort()

    @property
    def tries(self) -> Tries:
        """What has been blown so far."""
        return self._blowing.tries if self._blowing else Tries()

    @property
    def is_enough(self) -> bool:
        """Whether no other blow is asked for."""
        return self.tries.advice is not Advice.ANOTHER

    def open(self) -> None:
        """A new session: numpy takes 20 MB, and seconds of a small board's start, so it comes in here."""
        from koffert_agent.kiosk.blowing import Blowing  # noqa: PLC0415

        self._blowing, self._sent = Blowing(), None

    def begin(self) -> None:
        """Wait for the next blow."""
        if self._blowing is not None:
            self._blowing.begin()

    def hear(self, breath: Breath, *, wanted: bool) -> bool:
        """Take some breath, when somebody was asked to blow; whether a blow has ended with it."""
        self._breath_at_s = self._moments.now_s()
        if not wanted or self._blowing is None:
            return False
        return self._blowing.hear(breath, self._moments.new_id())

    def let_go(self) -> None:
        """A blow whose flow has stopped coming begins anew."""
        gone = self._moments.now_s() - self._breath_at_s > _BREATH_GONE_S
        if gone and self.effort.phase is not Phase.WAITING:
            self.begin()

    def hand_over(self) -> None:
        """Send what was blown; nothing where nothing was."""
        if self._blowing is None:
            return
        for message in self._blowing.session(*self._moments.stamp()):
            if isinstance(message, Spirometry):
                self._sent = self._post.give(message)
            else:
                self._post.say(message)

    def how_far(self) -> Sent | None:
        """How far the session has come on its way; None before it was handed over."""
        return self._post.how_far(self._sent)

    def forget(self) -> None:
        """What one patient blew is nothing to the next."""
        self._blowing = self._sent = None
