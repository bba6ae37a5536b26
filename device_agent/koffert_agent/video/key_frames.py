"""A key frame when it is needed, and not when the browser's patience of 3 s is over.

aiortc makes one when it is asked to. After a break that is longer than what it keeps to send again, Chromium first asks
for the lost packets, and for a key frame only when nothing has come of it for 3 s.
"""

from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpSender
from aiortc.rtp import RTP_HISTORY_SIZE

# The same lost packets are asked for again and again until pictures come.
_ANEW_AFTER_S = 1.0


class KeyFrames:
    """Stands before a sender's answers to "send again" and "begin anew"; `asked` is called at each of the latter."""

    def __init__(
        self, sender: RTCRtpSender, *, asked: Callable[[], None], monotonic_s: Callable[[], float]
    ) -> None:
        # aiortc has no public way to either, nor to what it keeps.
        self._kept: dict[int, Any] = vars(sender)["_RTCRtpSender__rtp_history"]
        self._resend, self._begin_anew = sender._retransmit, sender._send_keyframe  # noqa: SLF001
        self._asked = asked
        self._now_s = monotonic_s
        self._anew_s = float("-inf")
        vars(sender)["_retransmit"] = self.resend
        vars(sender)["_send_keyframe"] = self.begin_anew

    async def resend(self, number: int) -> None:
        """Send a packet again; one that is not kept any more means that the picture must begin anew."""
        kept = self._kept.get(number % RTP_HISTORY_SIZE)
        if kept is not None and kept.sequence_number == number:
            await self._resend(number)
        elif self._now_s() - self._anew_s > _ANEW_AFTER_S:
            self.begin_anew()

    def begin_anew(self) -> None:
        """The next picture shall be a key frame."""
        self._anew_s = self._now_s()
        self._asked()
        self._begin_anew()
