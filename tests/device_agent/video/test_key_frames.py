"""When a picture begins anew: aiortc's own sender, asked for packets as a browser asks."""

import asyncio
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

from koffert_agent.video.connection import rtc_configuration
from koffert_agent.video.key_frames import KeyFrames

PICTURES = 200


def test_what_is_kept_is_sent_again_and_what_is_not_makes_one_key_frame() -> None:
    async def scenario() -> None:
        connection = RTCPeerConnection(rtc_configuration((), relay_only=False))
        sender = connection.addTransceiver("video").sender
        kept: dict[int, Any] = vars(sender)["_RTCRtpSender__rtp_history"]
        for number in range(PICTURES):
            kept[number % RTP_HISTORY_SIZE] = RtpPacket(sequence_number=number)
        again, asked, now_s = list[int](), list[float](), 0.0

        async def resend(number: int) -> None:
            again.append(number)

        vars(sender)["_retransmit"] = resend
        frames = KeyFrames(sender, asked=lambda: asked.append(now_s), monotonic_s=lambda: now_s)
        oldest, newest = PICTURES - RTP_HISTORY_SIZE, PICTURES - 1
        for number in (1, oldest - 1, oldest, newest):
            await frames.resend(number)
        assert again == [oldest, newest]
        assert asked == [0.0]
        now_s = 2.0
        await frames.resend(2)
        assert asked == [0.0, 2.0]
        assert vars(sender)["_RTCRtpSender__force_keyframe"]
        await connection.close()

    asyncio.run(scenario())
