"""The small parts of the video visit: gate, ladder, time code, tone, limits. No network."""

import asyncio
import itertools
import os

import numpy as np
from aiortc import codecs
from aiortc.codecs import vpx
from hypothesis import given
from hypothesis import strategies as st

from koffert_agent.video.bitrates import (
    VIDEO_CEILING_BPS,
    VIDEO_FLOOR_BPS,
    SteadyVp8Encoder,
    limit_bitrates,
)
from koffert_agent.video.camera import HEIGHT, WIDTH, TestCamera, write_time_code
from koffert_agent.video.connection import rtc_configuration
from koffert_agent.video.gate import CallGate
from koffert_agent.video.ladder import DOWN_AFTER_S, RUNGS, UP_AFTER_S, Ladder, Passage
from koffert_agent.video.sound import TONE_HZ, ToneTrack
from koffert_agent.video.speech import GOOD
from koffert_wire.call import EXPIRES_NS, IceServer
from koffert_wire.downlink import Down
from koffert_wire.topics import DownKind

NOON_NS = 1_780_315_200_000_000_000


def said(issued_ns: int) -> Down:
    return Down(DownKind.CALL, os.urandom(16), issued_ns, b"")


def test_the_gate_refuses_what_it_has_heard() -> None:
    gate, down = CallGate(), said(NOON_NS)
    assert gate.admit(down, boottime_ns=1, wall_ns=NOON_NS)
    assert not gate.admit(down, boottime_ns=2, wall_ns=NOON_NS)


def test_the_gate_refuses_what_is_older_than_ten_seconds() -> None:
    gate = CallGate()
    assert not gate.admit(said(NOON_NS - EXPIRES_NS - 1), boottime_ns=1, wall_ns=NOON_NS)
    assert gate.admit(said(NOON_NS - EXPIRES_NS), boottime_ns=1, wall_ns=NOON_NS)


def test_a_box_that_does_not_know_the_time_goes_by_the_newest_word() -> None:
    gate, early = CallGate(), said(NOON_NS)
    assert gate.admit(said(NOON_NS), boottime_ns=0, wall_ns=None)
    assert not gate.admit(early, boottime_ns=EXPIRES_NS + 1, wall_ns=None)
    assert gate.admit(said(NOON_NS + EXPIRES_NS), boottime_ns=EXPIRES_NS + 1, wall_ns=None)


@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_sequences_only_grow(boottimes_ns: list[int]) -> None:
    gate = CallGate()
    sequences = [gate.stamp(boottime_ns)[0] for boottime_ns in boottimes_ns]
    assert sequences == sorted(set(sequences))


def test_the_ladder_falls_quickly_and_climbs_slowly() -> None:
    ladder, now_s = Ladder(), 0.0
    while ladder.report(64_000 - 37_000, 0.0, now_s) is not RUNGS[0]:
        now_s += 0.5
    assert now_s <= 2 * DOWN_AFTER_S
    began_s = now_s
    while ladder.report(VIDEO_CEILING_BPS, 0.0, now_s) is not RUNGS[-1]:
        now_s += 0.5
    assert now_s - began_s >= UP_AFTER_S * (len(RUNGS) - 1)


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.floats(0, 1)), max_size=60))
def test_the_ladder_never_changes_at_each_report(reports: list[tuple[int, float]]) -> None:
    ladder = Ladder()
    rungs = [
        ladder.report(bitrate, loss, float(second))
        for second, (bitrate, loss) in enumerate(reports)
    ]
    changes = [index for index in range(1, len(rungs)) if rungs[index] != rungs[index - 1]]
    assert all(later - earlier >= DOWN_AFTER_S for earlier, later in itertools.pairwise(changes))


def test_heavy_loss_is_answered_with_a_smaller_picture() -> None:
    ladder = Ladder()
    before = ladder.rung
    for second in range(4):
        ladder.report(VIDEO_CEILING_BPS, 0.3, float(second))
    assert ladder.rung.needs_bps < before.needs_bps


def test_a_step_that_the_processor_does_not_follow_is_left_and_tried_again_after_a_minute() -> None:
    ladder = Ladder()
    for second in range(60):
        ladder.report(VIDEO_CEILING_BPS, 0.0, float(second))
    assert ladder.rung is RUNGS[-1]
    for second in range(60, 70):
        slow = 0.5 if ladder.rung is RUNGS[-1] else 1.0
        ladder.report(VIDEO_CEILING_BPS, 0.0, float(second), slow)
    assert ladder.rung is RUNGS[-2]
    steps = [ladder.report(VIDEO_CEILING_BPS, 0.0, float(second)) for second in range(70, 140)]
    assert steps[30] is RUNGS[-2]
    assert steps[-1] is RUNGS[-1]


def test_no_step_is_larger_than_the_cameras_picture() -> None:
    ladder = Ladder(640)
    assert ladder.largest is RUNGS[-2]
    assert Ladder(160).rung is RUNGS[0]


def test_a_cameras_own_stream_goes_out_only_while_the_link_bears_all_of_it() -> None:
    passage = Passage()
    asked = [passage.report(900_000, 700_000, 0.0, float(second)) for second in range(10)]
    assert asked == [second >= UP_AFTER_S for second in range(10)]
    assert passage.report(650_000, 700_000, 0.0, 10.0)  # the estimate follows what is sent
    narrow = [passage.report(500_000, 700_000, 0.0, 11.0 + second) for second in range(3)]
    assert narrow[0]
    assert not narrow[-1]
    assert not passage.report(900_000, None, 0.0, 30.0)


def test_our_own_servers_or_none_never_the_libraries_default() -> None:
    assert rtc_configuration((), relay_only=False).iceServers == []
    ours = IceServer(("turn:127.0.0.1:3478",), "1:x", "y")
    servers = rtc_configuration((ours,), relay_only=True).iceServers
    assert servers is not None
    assert [server.urls for server in servers] == [["turn:127.0.0.1:3478"]]


def test_the_encoders_get_our_limits() -> None:
    limit_bitrates()
    assert (vpx.MIN_BITRATE, vpx.MAX_BITRATE) == (VIDEO_FLOOR_BPS, VIDEO_CEILING_BPS)
    assert vars(codecs)["OpusEncoder"]().codec.bit_rate == GOOD.bitrate_bps


def test_the_encoder_is_not_rebuilt_for_small_steps() -> None:
    limit_bitrates()
    encoder = SteadyVp8Encoder()
    before = encoder.target_bitrate
    encoder.target_bitrate = round(before * 1.2)
    assert encoder.target_bitrate == before
    encoder.target_bitrate = before * 2
    assert encoder.target_bitrate == before * 2
    encoder.target_bitrate = 1
    assert encoder.target_bitrate == VIDEO_FLOOR_BPS
    assert encoder.reported_bps == 1


@given(st.integers(0, 2**42))
def test_the_time_code_is_black_and_white_fields(ms: int) -> None:
    luma = np.full((HEIGHT, WIDTH), 128, np.uint8)
    write_time_code(luma, ms)
    fields = luma[HEIGHT // 40 : HEIGHT // 10 : HEIGHT // 20, WIDTH // 32 :: WIDTH // 16]
    bits = "".join("1" if value > 128 else "0" for value in fields.flatten())
    assert int(bits[:24], 2) == ms & 0xFFFFFF


def test_the_test_camera_moves_and_the_tone_sounds() -> None:
    async def scenario() -> None:
        camera = TestCamera()
        first, second = (await camera.read()).frame, (await camera.read()).frame
        assert first is not None
        assert second is not None
        assert (first.width, first.height) == (WIDTH, HEIGHT)
        assert not np.array_equal(first.to_ndarray(), second.to_ndarray())
        samples = (await ToneTrack(TONE_HZ).recv()).to_ndarray().flatten()
        loudest = np.argmax(np.abs(np.fft.rfft(samples)))
        assert abs(loudest * 50 - TONE_HZ) <= 50

    asyncio.run(scenario())
