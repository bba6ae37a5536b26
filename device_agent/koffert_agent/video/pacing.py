"""The order of what leaves the box: a word is never behind a picture. aiortc sends a key frame in one burst.

On 64 kbit/s a key frame of 4 kB fills the link for half a second, and all sound of that time comes late or not at
all. So pictures leave at a rate near what the link bears, and sound between their packets.
"""

import asyncio
from collections.abc import Awaitable, Callable

# A key frame may use what the average does not: libwebrtc's pacer takes 2.5 times the target, where packets
# queue behind the pacer; here sound takes its share of the same link beside it.
PACE_FACTOR = 2.0
# Up to this rate sound has a third of the link or more, and is put first: pictures then leave no faster than on average.
# Measured on 64 kbit/s: docs/explanation/video.md.
NARROW_BPS = 40_000
NARROW_PACE_FACTOR = 1.0
# A picture of average size leaves at once: waiting in small steps costs the processor more than it gives the sound.
BURST_S = 0.04
# After a wait this much may still be ahead of its time: aiortc takes no new picture meanwhile, and one that is missed makes the next one larger.
AHEAD_S = BURST_S / 2
# What a packet costs beside its payload: IP, UDP, SRTP's tag.
_AROUND_BYTES = 38
# Resent packets that would come later than this are of no use to a jitter buffer.
_MOST_DEBT_S = 0.5
_RTCP_TYPES = range(192, 224)

Send = Callable[[bytes], Awaitable[None]]


class Pacer:
    """Stands before the sending of packets; `rate_bps` is what pictures may take now."""

    def __init__(
        self,
        send: Send,
        *,
        rate_bps: Callable[[], float],
        monotonic_s: Callable[[], float],
        picture_ssrc: int,
        resent_ssrc: int,
    ) -> None:
        self._send = send
        self._rate_bps = rate_bps
        self._now_s = monotonic_s
        self._free_s = 0.0
        self._picture_ssrc = picture_ssrc
        self._resent_ssrc = resent_ssrc

    async def send(self, data: bytes) -> None:
        """Send at once, or, if it is of a picture, when it is its turn."""
        ssrc = int.from_bytes(data[8:12], "big")
        if data[1] in _RTCP_TYPES or ssrc not in {self._picture_ssrc, self._resent_ssrc}:
            await self._send(data)
            return
        wait_s = self._free_s - self._now_s()
        if ssrc == self._resent_ssrc:
            # The receiving side asks for these and must not be held up by them.
            if wait_s > _MOST_DEBT_S:
                return
        elif wait_s > BURST_S:
            await asyncio.sleep(wait_s - AHEAD_S)
        size_bits = (len(data) + _AROUND_BYTES) * 8
        self._free_s = max(self._free_s, self._now_s()) + size_bits / pace_bps(self._rate_bps())
        await self._send(data)


def pace_bps(rate_bps: float) -> float:
    """How fast the packets of pictures leave when pictures may take this on average."""
    return rate_bps * (NARROW_PACE_FACTOR if rate_bps <= NARROW_BPS else PACE_FACTOR)
