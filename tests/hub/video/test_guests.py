"""Guests: a link good once for one visit, with nothing to decide and never alone with the patient."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
import pytest

from koffert_agent.video.records import AnswerCall, CallState
from koffert_hub.video.call import CallIsFull
from koffert_hub.video.guests import UNUSED_FOR_S, BadInvitation, Guest, GuestBook, GuestKind
from koffert_hub.video.records import (
    Ended,
    Invited,
    Joined,
    PageAlive,
    PageInvite,
    PageLeave,
    PageMeasure,
    ToPage,
    read_guest,
)
from koffert_wire.call import MOST_WATCHERS, CallOutcome
from tests.support.visit import Page, Rig, Screen, call_rig, until

GUEST = Guest(bytes(16), GuestKind.INTERPRETER, "Tolk", "nurse")


def test_a_token_is_good_once_and_is_replaced_by_one_to_come_back_with() -> None:
    book = GuestBook()
    token = book.invite(GUEST, 0.0)
    assert book.who(token, UNUSED_FOR_S) == GUEST
    back = book.use(token)
    with pytest.raises(BadInvitation):
        book.who(token, 1.0)
    # Who is in the visit may come back for as long as it lasts, and no longer.
    assert book.who(back, 10 * UNUSED_FOR_S) == GUEST
    book.close(GUEST.call)
    with pytest.raises(BadInvitation):
        book.who(back, 1.0)


def test_an_unused_link_is_soon_worth_nothing() -> None:
    book = GuestBook()
    token = book.invite(GUEST, 0.0)
    with pytest.raises(BadInvitation):
        book.who(token, UNUSED_FOR_S + 1)


@pytest.mark.parametrize("kind", ["caption", "hang-up", "invite", "measure"])
def test_what_only_staff_may_say_a_guest_cannot(kind: str) -> None:
    fields = {"type": kind, "text": "x", "kind": "amk", "name": "x"}
    with pytest.raises(msgspec.DecodeError):
        read_guest(msgspec.json.encode(fields).decode())


async def invite(page: Page) -> str:
    assert page.seat is not None
    page.seat.take(PageInvite(GuestKind.INTERPRETER, "Tolk"))
    invited = page.last(Invited)
    assert isinstance(invited, Invited)
    return invited.token


async def talking(rig: Rig, screen: Screen) -> Page:
    page = Page()
    await page.join(rig.board, rig.patient)
    await screen.shows(CallState.RINGING)
    screen.press(AnswerCall(picture=True))
    await screen.shows(CallState.TALKING)
    return page


def in_a_call(folder: Path, scenario: Callable[[Rig, Screen], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with call_rig(folder) as rig:
            screen = await Screen.open(folder)
            await scenario(rig, screen)
            await screen.close()

    asyncio.run(run())


def test_the_patient_is_told_who_is_there_and_the_log_what_kind(tmp_path: Path) -> None:
    async def scenario(rig: Rig, screen: Screen) -> None:
        page = await talking(rig, screen)
        token, heard = await invite(page), list[ToPage]()
        seat = await rig.board.join_as_guest(token, heard.append)
        await until(lambda: screen.view.watchers == ("nurse Test", "Tolk"), "both on the screen")
        joined = heard[0]
        assert isinstance(joined, Joined)
        with pytest.raises(BadInvitation):
            await rig.board.join_as_guest(token, heard.append)
        # After a break the same person comes back, and the link in the message still does not work.
        seat.lost()
        await until(lambda: screen.view.watchers == ("nurse Test",), "gone")
        await rig.board.join_as_guest(joined.back, heard.append)
        await until(lambda: screen.view.watchers == ("nurse Test", "Tolk"), "back")
        assert page.seat is not None
        page.seat.take(PageMeasure())
        await until(lambda: screen.view.measure == 1, "asked to measure")
        page.seat.take(PageLeave())
        # A guest is never alone with the patient.
        await screen.shows(CallState.IDLE)
        assert heard[-1] == Ended(CallOutcome.HUNG_UP)
        await until(lambda: len(rig.visits()) == 6, "the log")
        details = [record.detail or "" for record in rig.visits()]
        assert details[2:5] == [
            "invited:interpreter by:nurse",
            "joined:guest-interpreter",
            "joined:guest-interpreter",
        ]
        assert details[5].endswith("by:nurse,guest-interpreter")

    in_a_call(tmp_path, scenario)


def test_a_full_visit_does_not_use_up_the_link(tmp_path: Path) -> None:
    async def scenario(rig: Rig, screen: Screen) -> None:
        page = await talking(rig, screen)
        token, others = await invite(page), list[Page]()
        for number in range(MOST_WATCHERS - 1):
            others.append(Page())
            await others[-1].join(rig.board, rig.patient, f"user-{number}")
        with pytest.raises(CallIsFull):
            await rig.board.join_as_guest(token, Page().heard.append)
        assert others[0].seat is not None
        others[0].seat.lost()
        seat = await rig.board.join_as_guest(token, Page().heard.append)
        seat.take(PageAlive())

    in_a_call(tmp_path, scenario)
