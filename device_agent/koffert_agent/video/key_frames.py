"""A key frame when it is needed, and not when the browser's patience of 3 s is over.

aiortc makes one when it is asked to. After a break Chromium first asks for all lost packets, and for a key frame only
when nothing has come of it for 3 s.
"""

from collections.abc import Callable

from aiortc import RTCRtpSender
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

from koffert_agent.video.camera import CLOCK_HZ

# The same lost packets are asked for again and again until pictures come.
_ANEW_AFTER_S = 1.0
# Older pictures only hold up the newest: one with 600 ms there and back is asked for again in time.
_OLD_TICKS = 3 * CLOCK_HZ // 2
_CLOCK = 2**32


class KeyFrames:
    """Stands before a sender's answers to "send again" and "begin anew"; `asked` is called at each of the latter."""

    def __init__(
        self, sender: RTCRtpSender, *, asked: Callable[[], None], monotonic_s: Callable[[], float]
    ) -> None:
        # aiortc has no public way to either, nor to what it keeps.
        self._kept: dict[int, RtpPacket] = vars(sender)["_RTCRtpSender__rtp_history"]
        self._resend, self._begin_anew = sender._retransmit, sender._send_keyframe  # noqa: SLF001
        self._asked = asked
        self._now_s = monotonic_s
        self._anew_s = float("-inf")
        vars(sender)["_retransmit"] = self.resend
        vars(sender)["_send_keyframe"] = self.begin_anew

    async def resend(self, number: int) -> None:
        """Send a packet again; one that is old or not kept any more means that the picture must begin anew."""
        if self._is_of_use(number):
            await self._resend(number)
        elif self._now_s() - self._anew_s > _ANEW_AFTER_S:
            self.begin_anew()

    def _is_of_use(self, number: int) -> bool:
        kept = self._kept.get(number % RTP_HISTORY_SIZE)
        if kept is None or kept.sequence_number != number:
            return False
        ages = ((one.timestamp - kept.timestamp) % _CLOCK for one in self._kept.values())
        return max(age for age in ages if age < _CLOCK // 2) < _OLD_TICKS

    def begin_anew(self) -> None:
        """The next picture shall be a key frame."""
        self._anew_s = self._now_s()
        self._asked()
        self._begin_anew()
