"""Microphone and loudspeaker through the real `arecord` and `aplay`; ALSA's file plug-in stands for a sound card."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from koffert_agent.video.sound import (
    RATE_HZ,
    SAMPLES,
    TONE_HZ,
    AlsaLoudspeaker,
    AlsaMicrophone,
    ToneTrack,
    open_loudspeaker,
    open_microphone,
)
from koffert_cli.daemons import find_daemon
from tests.support.visit import until

_CARD = """
pcm.none {{ type null }}
pcm.said {{ type file slave.pcm none file /dev/null infile {said} format raw }}
pcm.heard {{ type file slave.pcm none file {heard} format raw }}
"""


@pytest.fixture(name="card")
def fixture_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `said`, a second of tone that the microphone records, and `heard`, what was played."""
    turns = 2 * np.pi * TONE_HZ * np.arange(RATE_HZ) / RATE_HZ
    (tmp_path / "said").write_bytes((6_000 * np.sin(turns)).astype("<i2").tobytes())
    settings = tmp_path / "asound.conf"
    settings.write_text(_CARD.format(said=tmp_path / "said", heard=tmp_path / "heard"))
    daemon = find_daemon("arecord")
    for name, value in daemon.extra_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{daemon.path.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(settings))
    return tmp_path


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def drain(microphone: AlsaMicrophone) -> None:
    while True:
        await microphone.recv()


def loudest_hz(samples: "np.typing.NDArray[np.int16]") -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples))


def test_the_microphone_gives_frames_and_is_free_afterwards(card: Path) -> None:
    del card

    async def scenario() -> None:
        microphone = open_microphone("said")
        assert isinstance(microphone, AlsaMicrophone)
        frames = [await microphone.recv() for _ in range(10)]
        assert [frame.pts for frame in frames] == [SAMPLES * index for index in range(10)]
        heard = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        assert loudest_hz(heard) == TONE_HZ
        assert microphone.pid is not None
        assert is_running(microphone.pid)
        await microphone.release()
        assert not is_running(microphone.pid)
        with pytest.raises(MediaStreamError):
            await microphone.recv()

    asyncio.run(scenario())


def test_a_microphone_that_is_not_there_or_is_pulled_out_says_so(card: Path) -> None:
    del card

    async def scenario() -> None:
        missing = AlsaMicrophone("no-such-device")
        with pytest.raises(MediaStreamError):
            await missing.recv()
        await missing.release()
        pulled = AlsaMicrophone("said")
        await pulled.recv()
        assert pulled.pid is not None
        os.kill(pulled.pid, 9)
        with pytest.raises(MediaStreamError):
            await drain(pulled)
        await pulled.release()

    asyncio.run(scenario())


def test_the_loudspeaker_plays_and_is_free_afterwards(card: Path) -> None:
    async def scenario() -> None:
        loudspeaker, tone = open_loudspeaker("heard"), ToneTrack(TONE_HZ)
        assert isinstance(loudspeaker, AlsaLoudspeaker)
        await until(lambda: loudspeaker.pid is not None, "aplay")
        heard = card / "heard"

        async def play() -> None:
            while True:
                loudspeaker.play(await tone.recv())

        playing = asyncio.create_task(play(), name="tone")
        await until(lambda: heard.exists() and heard.stat().st_size > RATE_HZ, "half a second")
        playing.cancel()
        await loudspeaker.release()
        assert loudspeaker.pid is not None
        assert not is_running(loudspeaker.pid)
        assert abs(loudest_hz(np.fromfile(heard, "<i2")[: RATE_HZ // 2]) - TONE_HZ) <= 4

    asyncio.run(scenario())


def test_a_box_without_alsa_utils_still_talks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    async def scenario() -> None:
        loudspeaker, microphone = AlsaLoudspeaker("default"), AlsaMicrophone("default")
        with pytest.raises(MediaStreamError):
            await microphone.recv()
        loudspeaker.play(await ToneTrack(None).recv())
        await loudspeaker.release()
        await microphone.release()

    asyncio.run(scenario())
