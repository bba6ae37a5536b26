"""What the box says of its picture when the camera has been pulled out."""

import asyncio
import time

from aiortc import RTCConfiguration, RTCPeerConnection

from koffert_agent.video.ladder import Ladder
from koffert_agent.video.visit import Visit
from koffert_wire.call import BoxPresent, CallUp, Offer, Ring
from tests.device_agent.support import eventually
from tests.support.visit import TEST_DEVICES

CALL = bytes(16)


def test_a_lost_camera_is_no_narrow_link_and_is_said_each_second() -> None:
    said = list[CallUp]()

    async def scenario() -> None:
        visit = Visit(
            TEST_DEVICES, say=said.append, show=lambda _view: None, monotonic_s=time.monotonic
        )
        watcher = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        watcher.addTransceiver("video", direction="recvonly")
        watcher.addTransceiver("audio", direction="recvonly")
        await watcher.setLocalDescription(await watcher.createOffer())
        await visit.hear(Ring(CALL, "Test"))
        await visit.answer(picture=True)
        await visit.hear(Offer(CALL, 1, 1, watcher.localDescription.sdp))
        await visit.tick()
        camera = visit._shutter._camera
        assert camera is not None
        camera.stop()
        await eventually(lambda: visit._shutter.failure is not None, "a lost camera", 30)
        await visit.tick()
        await visit.tick()
        await visit.close()
        await watcher.close()

    asyncio.run(scenario())
    first = Ladder().rung
    reports = [(one.picture, one.camera) for one in said if isinstance(one, BoxPresent)]
    there, gone = ((first.width, first.height, first.rate_hz), True), (None, False)
    assert reports[:3] == [there, gone, gone]
