"""Signalling from page to box and back through a real broker: who is let in, what is refused, what is on record."""

import asyncio
from pathlib import Path

import pytest

from koffert_agent.video.records import AnswerCall, CallState, EndCall
from koffert_hub.video.call import CallIsFull, NoSuitcase, SeatLost
from koffert_hub.video.records import Ended, Joined, PageCaption, PageHangUp, Phase, Servers, State
from koffert_hub.video.turn import TurnCredentials, TurnSettings
from koffert_wire.call import (
    MOST_WATCHERS,
    Answered,
    BoxHungUp,
    CallOutcome,
    HangUp,
    Ring,
    encode_call_down,
    encode_call_up,
)
from koffert_wire.downlink import Down, encode_down
from koffert_wire.errors import UntrustedPayload
from koffert_wire.topics import DownKind
from tests.support.visit import Page, Rig, Screen, call_rig, random_id, until


def in_phase(page: Page, phase: Phase) -> bool:
    state = page.last(State)
    return isinstance(state, State) and state.phase is phase


def ended(page: Page) -> CallOutcome | None:
    last = page.last(Ended)
    return last.outcome if isinstance(last, Ended) else None


async def talking(rig: Rig, screen: Screen, *, picture: bool = True) -> Page:
    page = Page()
    await page.join(rig.board, rig.patient)
    await screen.shows(CallState.RINGING)
    screen.press(AnswerCall(picture=picture))
    await until(lambda: in_phase(page, Phase.TALKING), "talking")
    return page


def test_the_box_rings_and_never_answers_by_itself(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            screen, page = await Screen.open(tmp_path), Page()
            await page.join(rig.board, rig.patient)
            await screen.shows(CallState.RINGING)
            assert screen.view.caller == "nurse Test"
            heard = len(rig.down)
            # It has been rung three more times, and still only a person opens the camera.
            await until(lambda: len(rig.down) >= heard + 3, "more ringing")
            assert screen.view.state is CallState.RINGING
            assert not rig.video.visit.devices_open
            screen.press(EndCall())
            await until(lambda: ended(page) is CallOutcome.DECLINED, "declined")
            await screen.close()

    asyncio.run(scenario())


def test_answering_without_picture_never_opens_the_camera(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            screen = await Screen.open(tmp_path)
            page = await talking(rig, screen, picture=False)
            state = page.last(State)
            assert isinstance(state, State)
            assert not state.picture
            assert not rig.video.visit._shutter.is_open
            await screen.close()

    asyncio.run(scenario())


def test_a_camera_that_was_pulled_out_is_told_though_the_first_word_of_it_is_lost(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            screen = await Screen.open(tmp_path)
            page = await talking(rig, screen)
            link, rig.link = rig.link, None
            camera = rig.video.visit._shutter._camera
            assert camera is not None
            camera.stop()
            await until(lambda: not screen.view.picture, "the patient's screen")
            lost = len(rig.up)
            await until(lambda: len(rig.up) > lost + 1, "words that nobody hears")
            rig.link = link
            await until(lambda: _sees(page) is False, "the page")
            await screen.close()

    asyncio.run(scenario())


def _sees(page: Page) -> bool | None:
    state = page.last(State)
    return state.picture if isinstance(state, State) else None


def test_start_participants_end_and_bytes_are_on_record_and_no_content(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            screen = await Screen.open(tmp_path)
            page, doctor = await talking(rig, screen), Page()
            await doctor.join(rig.board, rig.patient, "doctor")
            await until(lambda: screen.view.watchers == ("nurse Test", "doctor Test"), "both")
            assert page.seat is not None
            page.seat.take(PageCaption("Pust rolig"))
            await until(lambda: screen.view.caption == "Pust rolig", "caption")
            page.seat.take(PageHangUp())
            await screen.shows(CallState.IDLE)
            assert not rig.video.visit.devices_open
            await until(lambda: len(rig.visits()) == 4, "the log")
            await screen.close()
            details = [record.detail or "" for record in rig.visits()]
            assert details[:3] == ["started", "joined:nurse", "joined:doctor"]
            assert details[3].startswith("ended:hung-up seconds:")
            assert details[3].endswith("by:nurse,doctor")
            assert (rig.visits()[3].count, rig.visits()[3].patient) == (2, rig.patient)
            assert not any("Pust" in detail for detail in details)

    asyncio.run(scenario())


def test_at_most_three_watch(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            for number in range(MOST_WATCHERS):
                await Page().join(rig.board, rig.patient, f"user-{number}")
            with pytest.raises(CallIsFull):
                await Page().join(rig.board, rig.patient, "one-too-many")

    asyncio.run(scenario())


def test_a_page_that_was_given_up_is_told_to_come_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            page = Page()
            await page.join(rig.board, rig.patient)
            assert page.seat is not None
            rig.board.leave(next(iter(rig.board._lines.values())).call, 1, meant=False)
            with pytest.raises(SeatLost):
                page.seat.take(PageCaption("hei"))

    asyncio.run(scenario())


def test_a_long_visit_gets_fresh_credentials_for_the_relay(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("shared")
    turn = TurnCredentials(TurnSettings(urls=("turn:x",), secret_file=tmp_path / "secret"))

    async def scenario() -> None:
        async with call_rig(tmp_path, turn) as rig:
            page = Page()
            await page.join(rig.board, rig.patient)
            rig.board.renew_credentials()
            joined, fresh = page.last(Joined), page.last(Servers)
            assert isinstance(joined, Joined)
            assert isinstance(fresh, Servers)
            assert [one.urls for one in fresh.ice] == [one.urls for one in joined.ice]

    asyncio.run(scenario())


def test_a_patient_without_a_suitcase_cannot_be_called(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            with pytest.raises(NoSuitcase):
                await Page().join(rig.board, "p-nobody")

    asyncio.run(scenario())


def test_what_is_replayed_or_late_does_not_ring(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            screen = await Screen.open(tmp_path)
            page = await talking(rig, screen)
            screen.press(EndCall())
            await until(lambda: ended(page) is CallOutcome.HUNG_UP, "hung up")
            await screen.shows(CallState.IDLE)
            ring, late = rig.down[0], _late_ring(rig)
            sent = len(rig.up)
            rig.hear(ring)
            rig.hear(late)
            # A new call comes through behind them: by then they would have rung.
            fresh = Page()
            await fresh.join(rig.board, rig.patient, "somebody-else")
            await screen.shows(CallState.RINGING)
            assert screen.view.caller == "somebody-else Test"
            assert len(rig.up) > sent
            await screen.close()

    asyncio.run(scenario())


def _late_ring(rig: Rig) -> bytes:
    call = random_id()
    down = Down(DownKind.CALL, random_id(), 1_000, encode_call_down(Ring(call, "Late")))
    return encode_down(down, rig.box.device, rig.box.link_key)


def test_signalling_of_another_box_or_without_its_key_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            page = Page()
            await page.join(rig.board, rig.patient)
            call = next(iter(rig.board._lines.values())).call
            answer = Answered(call.id, picture=True)
            rig.publish(_up(rig, answer, link_key=bytes(32)))
            rig.publish(_up(rig, answer, device="box-2"))
            rig.publish(_up(rig, answer, issued_ns=1))
            rig.publish(_up(rig, Answered(random_id(), picture=True)))
            rig.publish(b"nonsense")
            await until(
                lambda: sum("refused" in (r.detail or "") for r in rig.visits()) == 3, "log"
            )
            assert call.phase is Phase.RINGING
            # The right one works once; said again it changes nothing.
            good = _up(rig, answer)
            rig.publish(good)
            await until(lambda: call.phase is Phase.TALKING, "answered")
            rig.publish(_up(rig, BoxHungUp(call.id, CallOutcome.HUNG_UP), sequence=1))
            rig.publish(good)
            rig.publish(_up(rig, BoxHungUp(call.id, CallOutcome.DECLINED)))
            await until(lambda: ended(page) is CallOutcome.DECLINED, "ended by the fresh one")

    asyncio.run(scenario())


def test_a_forged_message_of_the_hub_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with call_rig(tmp_path) as rig:
            hang_up = encode_call_down(HangUp(random_id(), CallOutcome.HUNG_UP))
            forged = encode_down(Down(DownKind.CALL, random_id(), 1, hang_up), "box-1", bytes(32))
            with pytest.raises(UntrustedPayload):
                rig.hear(forged)

    asyncio.run(scenario())


def _up(
    rig: Rig,
    message: Answered | BoxHungUp,
    *,
    device: str | None = None,
    link_key: bytes | None = None,
    issued_ns: int | None = None,
    sequence: int | None = None,
) -> bytes:
    sequence_, now_ns = rig.call_link._gate.stamp(rig.call_link._clock.boottime_ns())
    return encode_call_up(
        message,
        device=device or rig.box.device,
        sequence=sequence_ if sequence is None else sequence,
        issued_ns=now_ns if issued_ns is None else issued_ns,
        hub_key=rig.store.sealing.public_key(),
        link_key=link_key or rig.box.link_key,
    )
