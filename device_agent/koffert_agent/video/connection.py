"""One peer connection with one watcher: made for an offer, closed when the next one comes."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.stats import RTCRemoteInboundRtpStreamStats, RTCTransportStats
from av import AudioFrame, VideoFrame

from koffert_agent.video.bitrates import (
    VIDEO_FLOOR_BPS,
    VIDEO_START_BPS,
    Steady,
    SteadyH264Encoder,
)
from koffert_agent.video.key_frames import KeyFrames
from koffert_agent.video.ladder import Ladder, Passage, Rung
from koffert_agent.video.pacing import Pacer
from koffert_agent.video.shutter import CameraTrack
from koffert_agent.video.speech import SpeechEncoder, speech_for
from koffert_wire.call import IceServer, Offer

_LOG = logging.getLogger(__name__)

# Fractions of loss come as parts of 256 (RFC 3550, 6.4.1).
_LOSS_PARTS = 256
# Of a report with 50 packets one lost is 2 %: some reports are looked at together.
_SMOOTH = 0.3


class BadOffer(Exception):
    """The watcher's description cannot be answered."""


def rtc_configuration(servers: Sequence[IceServer], *, relay_only: bool) -> RTCConfiguration:
    """Our own servers or none: aiortc's default would tell the patient's address to a stranger."""
    policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(list(server.urls), server.username, server.credential)
            for server in servers
        ],
        iceTransportPolicy=policy,
    )


class Connection:
    """The box's half. `hear` gets the watcher's sound, `see` the pictures; both must return at once."""

    def __init__(
        self,
        offer: Offer,
        *,
        camera: CameraTrack | None,
        microphone: MediaStreamTrack,
        hear: Callable[[AudioFrame], None],
        see: Callable[[VideoFrame], None],
    ) -> None:
        self._offer = offer
        self._camera = camera
        self._hear = hear
        self._see = see
        self._ladder = Ladder() if camera is None else Ladder(camera.shutter.width)
        self._passage = Passage()
        self._asked = (0.0, 0, 0)
        self._pc = RTCPeerConnection(rtc_configuration(offer.ice, relay_only=offer.relay_only))
        self._readers: list[asyncio.Task[None]] = []
        # aiortc settles the codecs inside setRemoteDescription: what we want must be there before.
        self._video: RTCRtpSender | None = None
        self._add_video()
        self._audio = self._pc.addTransceiver(microphone, direction="sendrecv").sender
        self._sound_loss = 0.0
        self._pc.on("track", self._take_track)

    @property
    def round(self) -> int:
        """Which of the watcher's offers this answers."""
        return self._offer.round

    @property
    def state(self) -> str:
        """`connected` and so on, as WebRTC names it."""
        return str(self._pc.connectionState)

    async def answer(self) -> str:
        """The description for the watcher; raises BadOffer."""
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(self._offer.sdp, "offer"))
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except (ValueError, AssertionError, IndexError, KeyError, AttributeError) as error:
            # aiortc's parser of descriptions fails with whatever it stumbles over.
            raise BadOffer(f"{type(error).__name__}: {error}") from error
        if self._video is not None:
            self._pace(self._video)
            clock = asyncio.get_running_loop().time
            KeyFrames(self._video, asked=self._encode_anew, monotonic_s=clock)
        return str(self._pc.localDescription.sdp)

    async def close(self) -> None:
        """End it; the camera and the microphone stay with who owns them."""
        if self._camera is not None:
            self._camera.stop()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._pc.close()

    async def traffic(self) -> tuple[int, int]:
        """Bytes sent and received so far."""
        report = await self._pc.getStats()
        transports = [item for item in report.values() if isinstance(item, RTCTransportStats)]
        return (
            sum(item.bytesSent for item in transports),
            sum(item.bytesReceived for item in transports),
        )

    async def adapt(self, now_s: float) -> Rung | None:
        """Send the sound and the picture that the link bears now; returns the picture, None without one."""
        self._sound_loss += _SMOOTH * (await _loss(self._audio) - self._sound_loss)
        encoder = _encoder(self._audio)
        if isinstance(encoder, SpeechEncoder):
            encoder.speech = speech_for(self._borne_bps(), self._sound_loss, encoder.speech)
        if self._video is None or self._camera is None:
            return None
        loss = await _loss(self._video)
        borne_bps = self._borne_bps()
        rung = self._ladder.report(borne_bps, loss, now_s, self._kept_up(self._camera, now_s))
        self._camera.show(rung)
        encoder = _encoder(self._video)
        if isinstance(encoder, Steady):
            encoder.most_bps = rung.most_bps
        # Only H.264 can be passed on, and only to who takes it.
        own_bps = self._camera.shutter.own_bps if isinstance(encoder, SteadyH264Encoder) else None
        self._camera.pass_on(wish=self._passage.report(borne_bps, own_bps, loss, now_s))
        return self._ladder.largest if self._camera.passes else rung

    def _encode_anew(self) -> None:
        """A camera makes no key frame on request: its pictures are encoded here until the link has been good again."""
        if self._camera is not None and self._camera.passes:
            self._passage = Passage()
            self._camera.pass_on(wish=False)

    def _kept_up(self, camera: CameraTrack, now_s: float) -> float:
        """The share of the pictures that the camera gave and the step asks for which were fetched since the last time."""
        before_s, before_given, before = self._asked
        given, fetched = camera.shutter.count, camera.fetched
        self._asked = (now_s, given, fetched)
        wanted = min((now_s - before_s) * self._ladder.rung.rate_hz, given - before_given)
        return 1.0 if camera.passes or wanted < 1 else (fetched - before) / wanted

    def _add_video(self) -> None:
        if self._camera is None:
            transceiver = self._pc.addTransceiver("video", direction="recvonly")
        else:
            self._camera.show(self._ladder.rung)
            transceiver = self._pc.addTransceiver(self._camera, direction="sendrecv")
            self._video = transceiver.sender
        # H.264 costs more than VP8 to make: it is for a camera that makes it. Without rtx nothing lost is sent again.
        encodes = self._camera is not None and self._camera.shutter.encodes
        wanted = ["video/H264"] * encodes + ["video/VP8", "video/rtx"]
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences(
            [codec for name in wanted for codec in codecs if codec.mimeType == name]
        )

    def _take_track(self, track: MediaStreamTrack) -> None:
        use = self._hear if track.kind == "audio" else self._see
        self._readers.append(
            asyncio.create_task(_read(track, use), name=f"{track.kind} of a watcher")
        )

    def _pace(self, video: RTCRtpSender) -> None:
        # Each connection has one transport for sound and pictures; aiortc has no place for a pacer of its own.
        transport = video.transport
        pacer = Pacer(
            transport._send_rtp,  # noqa: SLF001
            rate_bps=self._borne_bps,
            monotonic_s=asyncio.get_running_loop().time,
            picture_ssrc=video._ssrc,  # noqa: SLF001
            resent_ssrc=video._rtx_ssrc,  # noqa: SLF001
        )
        vars(transport)["_send_rtp"] = pacer.send

    def _borne_bps(self) -> int:
        encoder = None if self._video is None else _encoder(self._video)
        if not isinstance(encoder, Steady):
            return VIDEO_START_BPS
        return max(encoder.reported_bps, VIDEO_FLOOR_BPS)


def _encoder(sender: RTCRtpSender) -> object:
    # aiortc has no public way to the far end's estimate, nor to an encoder's settings.
    return getattr(sender, "_RTCRtpSender__encoder", None)


async def _loss(sender: RTCRtpSender) -> float:
    report = await sender.getStats()
    reports = [item for item in report.values() if isinstance(item, RTCRemoteInboundRtpStreamStats)]
    return max((item.fractionLost / _LOSS_PARTS for item in reports), default=0.0)


async def _read(track: MediaStreamTrack, use: Callable[..., None]) -> None:
    """Frames that nobody reads would pile up in memory."""
    with contextlib.suppress(MediaStreamError):
        while True:
            use(await track.recv())
