"""How sound is packed for a link, what goes first on it, and who hears whom. No network."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from koffert_agent.video.mixing import Mixer
from koffert_agent.video.pacing import AHEAD_S, NARROW_PACE_FACTOR, PACE_FACTOR, Pacer
from koffert_agent.video.sound import RATE_HZ, SAMPLES, TONE_HZ, Microphone, ToneTrack, frame_of
from koffert_agent.video.speech import GOOD, LOSSY, NARROW_BPS, Speech, SpeechEncoder, speech_for

PICTURE, RESENT, SOUND = 7, 8, 9


async def packets(speech: Speech, frames: int) -> list[tuple[int, int]]:
    """Timestamp and size of what the encoder makes of so many frames of 20 ms."""
    encoder, tone = SpeechEncoder(), ToneTrack(TONE_HZ)
    encoder.speech = speech
    made = []
    for _ in range(frames):
        payloads, timestamp = encoder.encode(await tone.recv())
        made += [(timestamp, len(payload)) for payload in payloads]
    return made


def test_long_packets_are_a_third_as_many_and_follow_each_other() -> None:
    made = asyncio.run(packets(Speech(60, 16_000, corrects=False), 30))
    assert [timestamp for timestamp, _ in made] == [2880 * index for index in range(10)]
    assert sum(size for _, size in made) * 8 / 0.6 < 20_000


def test_packets_that_correct_carry_more() -> None:
    plain = asyncio.run(packets(Speech(20, 24_000, corrects=False), 40))
    corrects = asyncio.run(packets(Speech(20, 24_000, corrects=True), 40))
    # The rate is the same: what differs is what is in it.
    assert plain != corrects


def test_a_narrow_link_gets_long_packets_and_a_lossy_one_correction() -> None:
    assert speech_for(NARROW_BPS, 0.0, GOOD) == GOOD
    narrow = speech_for(NARROW_BPS - 1, 0.0, GOOD)
    assert (narrow.packet_ms, narrow.corrects) == (60, False)
    assert narrow.link_bps < GOOD.link_bps * 0.7
    assert speech_for(NARROW_BPS, LOSSY, GOOD) == Speech(20, 24_000, corrects=True)
    # Neither flutters: what was taken is left only for clearly better.
    assert speech_for(NARROW_BPS * 1.2, 0.0, narrow) == narrow
    assert speech_for(NARROW_BPS * 1.6, LOSSY * 0.7, Speech(60, 16_000, corrects=True)).corrects


class Wire:
    """Takes packets at a time that only waiting moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.sent: list[tuple[int, float]] = []

    async def send(self, data: bytes) -> None:
        self.sent.append((int.from_bytes(data[8:12], "big"), self.now_s))

    async def wait(self, seconds: float) -> None:
        self.now_s += seconds


def packet(ssrc: int, size_bytes: int, kind: int = 96) -> bytes:
    return bytes([0x80, kind]) + bytes(6) + ssrc.to_bytes(4, "big") + bytes(size_bytes - 12)


@pytest.fixture(name="wire")
def fixture_wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    wait: Callable[[float], Awaitable[None]] = wire.wait
    monkeypatch.setattr("koffert_agent.video.pacing.asyncio.sleep", wait)
    return wire


def pacer(wire: Wire, rate_bps: float) -> Pacer:
    return Pacer(
        wire.send,
        rate_bps=lambda: rate_bps,
        monotonic_s=lambda: wire.now_s,
        picture_ssrc=PICTURE,
        resent_ssrc=RESENT,
    )


@pytest.mark.parametrize(
    ("rate_bps", "pace_factor"), [(25_000, NARROW_PACE_FACTOR), (100_000, PACE_FACTOR)]
)
def test_pictures_wait_their_turn_and_sound_does_not(
    wire: Wire, rate_bps: float, pace_factor: float
) -> None:
    async def scenario() -> None:
        paced = pacer(wire, rate_bps)
        for _ in range(5):
            await paced.send(packet(PICTURE, 1_212))
        took_s = wire.now_s
        # Four of five have waited for the one before them, 1,250 bytes, the last of them a little less.
        assert took_s == pytest.approx(4 * 10_000 / (rate_bps * pace_factor) - AHEAD_S)
        await paced.send(packet(SOUND, 120))
        await paced.send(packet(PICTURE, 60, kind=200))
        assert wire.now_s == took_s

    asyncio.run(scenario())


def test_a_picture_a_third_larger_than_the_average_leaves_long_before_the_next(wire: Wire) -> None:
    async def scenario() -> None:
        paced = pacer(wire, 900_000)
        for _ in range(8):
            await paced.send(packet(PICTURE, 1_212))
        assert wire.now_s < 1 / 45

    asyncio.run(scenario())


def test_what_is_sent_again_never_holds_up_the_reader_and_is_dropped_when_late(wire: Wire) -> None:
    async def scenario() -> None:
        paced = pacer(wire, 20_000)
        for _ in range(10):
            await paced.send(packet(RESENT, 1_000))
        assert wire.now_s == 0.0
        assert len(wire.sent) == 2

    asyncio.run(scenario())


class Metronome(Microphone):
    """Gives frames of one value when told to, then ends."""

    def __init__(self, value: int, count: int) -> None:
        super().__init__()
        self._value, self._left = value, count
        self.released = False

    async def recv(self) -> AudioFrame:
        if self._left == 0:
            raise MediaStreamError
        self._left -= 1
        await asyncio.sleep(0)
        return level(self._value)

    async def release(self) -> None:
        self.released = True


def level(value: int) -> AudioFrame:
    return frame_of(np.full(SAMPLES, value, np.int16))


def stereo(value: int) -> AudioFrame:
    """As aiortc decodes it."""
    frame = AudioFrame.from_ndarray(
        np.full((1, 2 * SAMPLES), value, np.int16), format="s16", layout="stereo"
    )
    frame.sample_rate = RATE_HZ
    return frame


def value_of(frame: AudioFrame) -> int:
    return int(np.median(frame.to_ndarray()))


def test_each_hears_the_others_and_never_oneself() -> None:
    async def scenario() -> None:
        played: list[int] = []
        mixer = Mixer(Metronome(100, 1), lambda frame: played.append(value_of(frame)))
        tracks = {number: mixer.join(number) for number in (1, 2, 3)}
        for number, value in {1: 1_000, 2: 20_000, 3: 30_000}.items():
            mixer.hear(number, stereo(value))
        heard = {number: value_of(await track.recv()) for number, track in tracks.items()}
        # Full scale is the most there is: too loud together does not turn into noise.
        assert heard == {1: 32_767, 2: 31_100, 3: 21_100}
        assert played == [32_767]
        await mixer.stop()

    asyncio.run(scenario())


def test_a_microphone_that_is_pulled_out_leaves_the_others_audible() -> None:
    async def scenario() -> None:
        played: list[int] = []
        microphone = Metronome(100, 1)
        mixer = Mixer(microphone, lambda frame: played.append(value_of(frame)))
        track = mixer.join(1)
        assert value_of(await track.recv()) == 100
        assert value_of(await track.recv()) == 0
        assert microphone.released
        mixer.hear(1, stereo(500))
        await track.recv()
        await track.recv()
        assert played == [500]
        await mixer.stop()

    asyncio.run(scenario())
