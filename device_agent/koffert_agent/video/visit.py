"""The call as the box lives it: it rings, a person answers, watchers come and go, it ends."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

import msgspec

from koffert_agent.video.connection import BadOffer, Connection
from koffert_agent.video.faces import Faces
from koffert_agent.video.mixing import Mixer
from koffert_agent.video.records import CallState, CallView
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.shutter import CameraTrack, Shutter
from koffert_agent.video.sound import Loudspeaker, open_loudspeaker, open_microphone
from koffert_wire.call import (
    Answer,
    Answered,
    BoxHungUp,
    BoxPresent,
    CallDown,
    CallOutcome,
    CallUp,
    Caption,
    HangUp,
    Measure,
    Offer,
    Present,
    Ring,
    Ringing,
    Watcher,
)

_LOG = logging.getLogger(__name__)

# The hub says a word each second. Both sides must know of a break within 5 s.
HUB_SILENT_S = 3.5
# As long as the hub waits for us: then the telephone is better than a dead picture.
WAIT_S = 30.0


class Visit:
    """At most one call. `say` sends to the hub or loses it, `show` tells the screens."""

    def __init__(
        self,
        settings: VideoSettings,
        *,
        say: Callable[[CallUp], None],
        show: Callable[[CallView], None],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._say = say
        self._show = show
        self._now_s = monotonic_s
        self._shutter = Shutter(settings)
        self._mixer: Mixer | None = None
        self._loudspeaker: Loudspeaker | None = None
        self._connections: dict[int, Connection] = {}
        self._call: bytes | None = None
        self._heard_s = 0.0
        self._watched_s = 0.0
        self._closed_bytes = (0, 0)
        self._lock = asyncio.Lock()
        self.view = CallView()
        self.faces = Faces()

    @property
    def devices_open(self) -> bool:
        """Whether camera or microphone is held."""
        return self._shutter.is_open or self._mixer is not None

    # -- the hub ----------------------------------------------------------------------------------

    async def hear(self, message: CallDown) -> None:
        """Act on a message of the hub."""
        async with self._lock:
            if isinstance(message, Ring):
                await self._ring(message)
            elif message.call != self._call:
                # A call from before this process began: the patient has not answered it here.
                if not isinstance(message, HangUp):
                    self._say(BoxHungUp(message.call, CallOutcome.UNKNOWN))
            else:
                self._heard_s = self._now_s()
                await self._go_on(message)

    async def _ring(self, ring: Ring) -> None:
        if self._call not in {None, ring.call}:
            await self._end(CallOutcome.REPLACED)
        self._call, self._heard_s = ring.call, self._now_s()
        if self.view.state is CallState.IDLE:
            self._change(state=CallState.RINGING, caller=ring.caller)
        if self.view.state is CallState.RINGING:
            self._say(Ringing(ring.call))
        else:
            # The hub has missed that the patient answered.
            self._say(Answered(ring.call, self.view.picture))

    async def _go_on(self, message: CallDown) -> None:
        match message:
            case Present(watchers=watchers):
                await self._keep_only(watchers)
            case Offer():
                await self._take_offer(message)
            case Caption(text=text):
                self._change(caption=text)
            case Measure():
                self._change(measure=self.view.measure + 1)
            case HangUp(outcome=outcome):
                await self._end(outcome, tell=False)

    async def _keep_only(self, watchers: tuple[Watcher, ...]) -> None:
        if self.view.state is CallState.RINGING:
            return
        there = {watcher.number for watcher in watchers}
        for number in set(self._connections) - there:
            await self._drop(number)
        if watchers:
            self._watched_s = self._now_s()
        state = CallState.TALKING if watchers else CallState.WAITING
        self._change(state=state, watchers=tuple(watcher.name for watcher in watchers))

    async def _take_offer(self, offer: Offer) -> None:
        known = self._connections.get(offer.watcher)
        unanswered = self.view.state in {CallState.IDLE, CallState.RINGING}
        if unanswered or self._mixer is None or (known and known.round >= offer.round):
            return
        await self._drop(offer.watcher)
        connection = Connection(
            offer,
            camera=CameraTrack(self._shutter) if self.view.picture else None,
            microphone=self._mixer.join(offer.watcher),
            hear=partial(self._mixer.hear, offer.watcher),
            see=partial(self.faces.take, offer.watcher),
        )
        self._connections[offer.watcher] = connection
        try:
            sdp = await connection.answer()
        except BadOffer as error:
            _LOG.warning("an offer cannot be answered: %s", error)
            await self._drop(offer.watcher)
            return
        relayed = "typ relay" in sdp
        if offer.ice and not relayed:
            _LOG.warning("the relay server gives no address: only direct paths work")
        self._say(Answer(offer.call, offer.watcher, offer.round, sdp, relayed))

    # -- the patient ------------------------------------------------------------------------------

    async def answer(self, *, picture: bool) -> None:
        """The patient answers; the only way in which camera and microphone are ever opened."""
        async with self._lock:
            if self.view.state is not CallState.RINGING or self._call is None:
                return
            if picture:
                self._shutter.open()
            self._loudspeaker = open_loudspeaker(self._settings.loudspeaker)
            microphone = open_microphone(self._settings.microphone)
            self._mixer = Mixer(microphone, self._loudspeaker.play)
            self._watched_s = self._now_s()
            self._change(state=CallState.TALKING, picture=picture)
            self._say(Answered(self._call, picture))

    async def hang_up(self) -> None:
        """The patient declines or ends the call."""
        async with self._lock:
            declined = self.view.state is CallState.RINGING
            await self._end(CallOutcome.DECLINED if declined else CallOutcome.HUNG_UP)

    # -- time -------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Called each second: adapt the pictures, say that we are here, notice who is not."""
        async with self._lock:
            if self._call is None:
                return
            silent_s = self._now_s() - self._heard_s
            if self.view.state is CallState.RINGING:
                if silent_s > HUB_SILENT_S:
                    await self._end(CallOutcome.HUB_LOST)
                return
            if max(silent_s, self._now_s() - self._watched_s) > WAIT_S:
                await self._end(CallOutcome.HUB_LOST)
                return
            if silent_s > HUB_SILENT_S:
                self._change(state=CallState.WAITING)
            await self._miss_camera()
            self._change(caller_picture=self.faces.any_live)
            await self._report(self._call)

    async def _miss_camera(self) -> None:
        """A camera that was pulled out: the call goes on with sound; the next report tells everybody."""
        if self._shutter.failure is not None and self.view.picture:
            _LOG.error("the camera: %s", self._shutter.failure)
            await self._shutter.close()
            self._change(picture=False)

    async def _report(self, call: bytes) -> None:
        rungs = [await one.adapt(self._now_s()) for one in self._connections.values()]
        sizes = [(rung.width, rung.height, rung.rate_hz) for rung in rungs if rung is not None]
        # A ladder without a camera falls: that is not the link's fault.
        picture = min(sizes, default=None) if self.view.picture else None
        sent, received = await self._traffic()
        self._say(BoxPresent(call, sent, received, picture, self.view.picture))

    async def _traffic(self) -> tuple[int, int]:
        sent, received = self._closed_bytes
        for connection in self._connections.values():
            more_sent, more_received = await connection.traffic()
            sent, received = sent + more_sent, received + more_received
        return sent, received

    # -- the end ----------------------------------------------------------------------------------

    async def close(self) -> None:
        """End whatever goes on; all devices are free afterwards."""
        async with self._lock:
            await self._end(CallOutcome.BOX_LOST)

    async def _end(self, outcome: CallOutcome, *, tell: bool = True) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        if tell and self.view.state is not CallState.IDLE:
            sent, received = await self._traffic()
            self._say(BoxPresent(call, sent, received))
            self._say(BoxHungUp(call, outcome))
        for number in list(self._connections):
            await self._drop(number)
        await self._shutter.close()
        mixer, self._mixer = self._mixer, None
        if mixer is not None:
            await mixer.stop()
        loudspeaker, self._loudspeaker = self._loudspeaker, None
        if loudspeaker is not None:
            await loudspeaker.release()
        self._closed_bytes = (0, 0)
        self.view = CallView()
        self._show(self.view)

    async def _drop(self, number: int) -> None:
        connection = self._connections.pop(number, None)
        if connection is None:
            return
        sent, received = await connection.traffic()
        before_sent, before_received = self._closed_bytes
        self._closed_bytes = (before_sent + sent, before_received + received)
        with contextlib.suppress(ConnectionError):
            await connection.close()
        self.faces.forget(number)
        if self._mixer is not None:
            self._mixer.leave(number)

    def _change(self, **fields: object) -> None:
        view = msgspec.structs.replace(self.view, **fields)
        if view != self.view:
            self.view = view
            self._show(view)
