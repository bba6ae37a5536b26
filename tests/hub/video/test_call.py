"""One call's rules and clock, without a network."""

from koffert_hub.video.call import BOX_SILENT_S, PAGE_SILENT_S, RING_FOR_S, WAIT_S, Call, Visitor
from koffert_hub.video.records import Ended, PageAnswer, Phase, State, ToPage
from koffert_wire.call import (
    Answer,
    Answered,
    BoxHungUp,
    BoxPresent,
    CallDown,
    CallOutcome,
    HangUp,
    Present,
    Ring,
)

ID = bytes(16)


class Voice:
    """Keeps what the call says."""

    def __init__(self) -> None:
        self.said: list[CallDown] = []
        self.outcomes: list[CallOutcome] = []

    def to_box(self, message: CallDown) -> None:
        self.said.append(message)

    def ended(self, call: Call, outcome: CallOutcome) -> None:
        assert call.outcome is outcome
        self.outcomes.append(outcome)


def make_call(*, answered: bool = True) -> tuple[Call, Voice, list[ToPage]]:
    voice, heard = Voice(), list[ToPage]()
    call = Call(id=ID, device="box-1", patient="p-1", loan="l-1", voice=voice, began_s=0.0)
    call.join(Visitor(username="nurse", name="Nurse", send=heard.append), 0.0)
    if answered:
        call.hear(Answered(ID, picture=True), 0.0)
    return call, voice, heard


def pass_time(call: Call, until_s: float, *, page: bool = True, box: bool = True) -> None:
    """Second after second, with those who are there saying their word."""
    for second in range(1, int(until_s) + 1):
        if page:
            call.alive(1, float(second))
        if box:
            call.hear(BoxPresent(ID, 100 * second, second), float(second))
        call.tick(float(second))


def test_nobody_answers() -> None:
    call, voice, heard = make_call(answered=False)
    pass_time(call, RING_FOR_S + 2, box=False)
    assert voice.outcomes == [CallOutcome.NO_ANSWER]
    assert isinstance(voice.said[0], Ring)
    assert voice.said[-1] == HangUp(ID, CallOutcome.NO_ANSWER)
    assert heard[-1] == Ended(CallOutcome.NO_ANSWER)


def test_who_rings_and_goes_away_rings_no_more() -> None:
    call, voice, _ = make_call(answered=False)
    pass_time(call, PAGE_SILENT_S + 2, page=False, box=False)
    assert voice.outcomes == [CallOutcome.NOBODY_LEFT]


def test_a_silent_box_is_told_of_and_waited_for() -> None:
    call, voice, heard = make_call()
    pass_time(call, BOX_SILENT_S + 1, box=False)
    call.hear(BoxPresent(ID, 1, 1), 6.0)
    phases = [item.phase for item in heard if isinstance(item, State)]
    assert phases == [Phase.TALKING, Phase.BOX_AWAY, Phase.TALKING]
    assert voice.outcomes == []


def test_a_box_that_stays_away_ends_the_call() -> None:
    call, voice, _ = make_call()
    pass_time(call, WAIT_S + 2, box=False)
    assert voice.outcomes == [CallOutcome.BOX_LOST]


def test_a_page_that_hangs_is_gone_and_the_call_waits_for_it() -> None:
    call, voice, _ = make_call()
    pass_time(call, PAGE_SILENT_S + 2, page=False)
    assert voice.said[-1] == Present(ID, ())
    assert voice.outcomes == []
    pass_time(call, PAGE_SILENT_S + WAIT_S + 4, page=False)
    assert voice.outcomes == [CallOutcome.NOBODY_LEFT]


def test_answers_reach_the_page_that_offered_and_bytes_only_grow() -> None:
    call, _, heard = make_call()
    call.hear(Answer(ID, 1, 1, "sdp", relayed=False), 1.0)
    call.hear(Answer(ID, 2, 1, "of nobody", relayed=False), 1.0)
    assert [item for item in heard if isinstance(item, PageAnswer)] == [
        PageAnswer(1, "sdp", relayed=False)
    ]
    call.hear(BoxPresent(ID, 500, 50), 2.0)
    call.hear(BoxPresent(ID, 400, 40), 3.0)
    assert (call.bytes.sent, call.bytes.received) == (500, 50)


def test_the_end_is_told_once() -> None:
    call, voice, _ = make_call()
    call.hear(BoxHungUp(ID, CallOutcome.HUNG_UP), 1.0)
    call.hang_up()
    call.hear(BoxHungUp(ID, CallOutcome.DECLINED), 2.0)
    assert voice.outcomes == [CallOutcome.HUNG_UP]


def test_a_video_process_that_starts_late_is_rung_again() -> None:
    call, voice, _ = make_call(answered=False)
    call.hear(BoxHungUp(ID, CallOutcome.BOX_LOST), 0.5)
    call.tick(1.0)
    assert voice.outcomes == []
    assert isinstance(voice.said[-1], Ring)


def test_a_camera_that_is_pulled_out_is_told_once_by_whichever_word_arrives() -> None:
    call, _, heard = make_call()
    call.hear(BoxPresent(ID, 1, 1, (640, 480, 15), camera=True), 1.0)
    told = len(heard)
    call.hear(BoxPresent(ID, 2, 1, None, camera=False), 3.0)
    call.hear(BoxPresent(ID, 3, 1, None, camera=False), 4.0)
    # A box that says nothing of its camera, as at the end of a call.
    call.hear(BoxPresent(ID, 4, 1), 5.0)
    assert heard[told:] == [State(Phase.TALKING, ("Nurse",), picture=False, sending=None)]
