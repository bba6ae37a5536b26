"""What stands in the middle of each screen, and what is said aloud. Pure."""

from collections.abc import Callable, Mapping
from math import ceil
from types import MappingProxyType

import msgspec
from msgspec import Struct

from koffert_agent.kiosk.catalogue import Catalogue
from koffert_agent.kiosk.day import Planned, next_visit
from koffert_agent.kiosk.duty import local_time
from koffert_agent.kiosk.facts import Facts, Sent
from koffert_agent.kiosk.flow import Step
from koffert_agent.kiosk.measuring import STEADY_S
from koffert_agent.kiosk.plan import pages_of
from koffert_agent.kiosk.records import Box, DeliveryState
from koffert_agent.video.records import CallState
from koffert_signal.spirometry.states import Advice, Phase

# How long a message may be on its way before the patient is told what to do instead (ux: 60 s).
PATIENCE_S = 60.0
# Where nobody else is named: the out-of-hours doctor, all over Norway.
OUT_OF_HOURS_TELEPHONE = "116 117"
_NO_BREAK = "\N{NO-BREAK SPACE}"
# What fits one line; the rest of a busier day moves up as it is done.
_MOST_ROUNDS_SHOWN = 4
_MORNING_UNTIL, _DAY_UNTIL = 10, 18
_WEEK = 7
# So long the first shout of the coach lasts; then it is about going on.
_BLAST_S = 1.5


class Content(Struct, frozen=True):
    """The middle of a screen, before the frame is put around it. `aloud` is what is said; None is the title."""

    title: str
    lines: tuple[str, ...] = ()
    number: str | None = None
    unit: str = ""
    wave: bool = False
    blow: bool = False
    progress: float | None = None
    aloud: tuple[str, ...] | None = None


def content_of(name: str, facts: Facts, texts: Catalogue) -> Content:
    """What stands on the screen of that name."""
    return _OVER.get(name, _step_content)(facts, texts)


def truth(facts: Facts, sent: Sent, texts: Catalogue, *, awaits_answer: bool) -> tuple[str, ...]:
    """Who knows of it, and whom to ring otherwise. Nobody is said to know without the hub's receipt."""
    telephone = in_one_piece(facts.telephone)
    late = sent.waited_s >= PATIENCE_S
    danger = texts.text("truth.danger")
    if not facts.staffed:
        return texts.text("truth.nobody"), danger
    if sent.state is not DeliveryState.STORED:
        key = "truth.no_contact" if late else "truth.sending"
        return texts.text(key, telephone=telephone), danger
    if awaits_answer and late:
        return texts.text("truth.unanswered", telephone=telephone), danger
    return texts.text("truth.told"), danger


def in_one_piece(telephone: str | None) -> str:
    """The number to ring, which no line end takes apart."""
    return (telephone or OUT_OF_HOURS_TELEPHONE).replace(" ", _NO_BREAK)


def delivery(sent: Sent, box: Box | None, texts: Catalogue) -> str:
    """Where it is: "sent" only by the hub's receipt, "saved" only when it is on the disk."""
    if sent.state is DeliveryState.STORED:
        return texts.text("delivery.stored")
    if sent.state is None:
        return texts.text("delivery.saving")
    there = box is not None and box.link_up and sent.waited_s < PATIENCE_S
    return texts.text("delivery.sending" if there else "delivery.later")


def note_of(name: str, facts: Facts, texts: Catalogue) -> str:
    """Said before anything is begun: that the network is away, else what the day holds beside a visit."""
    if name != Step.GREETING:
        return ""
    if facts.box is not None and not facts.box.link_up:
        return texts.text("network.away")
    if not facts.today or _visit_to_come(facts, texts) is not None:
        return ""
    return texts.text("today.rounds", rounds=_rounds(facts.today))


def _rounds(today: tuple[Planned, ...]) -> str:
    left = [number for number, one in enumerate(today) if not one.done]
    first = max(0, min([*left, len(today) - 1, len(today) - _MOST_ROUNDS_SHOWN]))
    return f"{_NO_BREAK} ".join(map(_clock, today[first : first + _MOST_ROUNDS_SHOWN]))


def _clock(one: Planned) -> str:
    clock = f"{one.at_min // 60:02}:{one.at_min % 60:02}"
    return f"{clock}{_NO_BREAK}✓" if one.done else clock


# -- what stands in the middle --------------------------------------------------------------------


def _message(facts: Facts, texts: Catalogue) -> Content:
    return _spoken(texts.text("message.title"), facts.message[0])


def _starting(_: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("starting.title"), (texts.text("starting.what_next"),))


def _silent(_: Facts, texts: Catalogue) -> Content:
    lines = texts.text("silent.what_next"), texts.text("truth.danger")
    return Content(texts.text("silent.title"), lines)


def _paused(_: Facts, texts: Catalogue) -> Content:
    lines = texts.text("paused.what_next"), texts.text("truth.danger")
    return Content(texts.text("paused.title"), lines, aloud=())


def _locked(facts: Facts, texts: Catalogue) -> Content:
    found = texts.text("locked.found", telephone=in_one_piece(facts.telephone))
    return Content(texts.text("locked.title"), (found, texts.text("truth.danger")))


def _call(facts: Facts, texts: Catalogue) -> Content:
    if facts.answered:
        title = texts.text("call.title")
        return _spoken(title, (texts.text("truth.answered"), texts.text("truth.danger")))
    sent = facts.call or Sent(None, 0.0)
    lines = truth(facts, sent, texts, awaits_answer=True)
    return _spoken(texts.text("call.title"), lines)


def _step_content(facts: Facts, texts: Catalogue) -> Content:
    return _STEPS.get(facts.flow.step, _question)(facts, texts)


def _question(facts: Facts, texts: Catalogue) -> Content:
    return Content(texts.text(f"{facts.flow.step.value}.ask"))


def _greeting(facts: Facts, texts: Catalogue) -> Content:
    hour = local_time(facts.wall_ms).hour
    part = "morning" if hour < _MORNING_UNTIL else "day" if hour < _DAY_UNTIL else "evening"
    due = any(one.due for one in facts.today)
    title, ask = texts.text("today.due" if due else f"greeting.{part}"), texts.text("greeting.ask")
    visit = _visit_to_come(facts, texts)
    if visit is None:
        return _spoken(title, (ask,))
    # There is room for one of them beside the note.
    return _spoken(title if due else ask, (visit,))


def _visit_to_come(facts: Facts, texts: Catalogue) -> str | None:
    """Whom the patient speaks with next; a clock that nobody set does not know when."""
    box = facts.box
    visit = next_visit(box.visits, facts.wall_ms) if box and box.wall_trusted else None
    if visit is None:
        return None
    at, today = local_time(visit.starts_ms), local_time(facts.wall_ms).date()
    days = (at.date() - today).days
    key = {0: "visit.today", 1: "visit.tomorrow"}.get(days, "visit.later")
    if days >= _WEEK or (facts.today and days > 1):
        return None
    who = texts.text(f"visit.{visit.visit_with.value}")
    weekday = texts.text(f"weekday.{at.weekday()}")
    return texts.text(key, day=weekday, time=f"{at:%H:%M}", who=who)


def _who(_: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("who.ask"), (texts.text("who.mean"),))


def _guest(_: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("guest.title"), (texts.text("guest.what_next"),))


def _oxygen_flow(facts: Facts, texts: Catalogue) -> Content:
    flow_l_min = facts.flow.oxygen_flow_l_min
    title = texts.text("oxygen_flow.ask")
    if flow_l_min is None:
        return Content(title, number=texts.text("oxygen_flow.unknown"))
    number = _in_words_of(texts, f"{flow_l_min:g}")
    return Content(title, number=number, unit=texts.text("oxygen_flow.litres"))


def _in_words_of(texts: Catalogue, number: str) -> str:
    return number if texts.language == "en" else number.replace(".", ",")


def _clip(facts: Facts, texts: Catalogue) -> Content:
    line = texts.text("clip.nail" if facts.meter_there else "clip.searching")
    return _spoken(texts.text("clip.title"), (line,))


def _hold(facts: Facts, texts: Catalogue) -> Content:
    advice, left_s = facts.watch.advice(), facts.watch.left_s()
    if advice != "counting":
        return Content(
            texts.text("hold.title"), (texts.text(f"hold.{advice}"),), wave=True, progress=0
        )
    key = "hold.counting_one" if left_s <= 1 else "hold.counting"
    line = texts.text(key, seconds=max(left_s, 1))
    return Content(texts.text("hold.title"), (line,), wave=True, progress=1 - left_s / STEADY_S)


def _again(_: Facts, texts: Catalogue) -> Content:
    return _spoken(texts.text("again.title"), (texts.text("again.what_next"),))


def _no_value(facts: Facts, texts: Catalogue) -> Content:
    lines: tuple[str, ...] = (texts.text("no_value.comfort"),)
    if facts.flow.repeat:
        # The low one before it stands, and somebody should look after it.
        lines = truth(facts, facts.reading, texts, awaits_answer=False)
    return _spoken(texts.text("no_value.title"), lines)


def _result(facts: Facts, texts: Catalogue) -> Content:
    lines = (delivery(facts.reading, facts.box, texts),)
    return _with_number(Content(_pulse(facts, texts), lines), facts, texts)


def _pause(facts: Facts, texts: Catalogue) -> Content:
    minutes = max(1, ceil(facts.left_s / 60))
    key = "pause.minutes_one" if minutes == 1 else "pause.minutes"
    lines = texts.text("pause.rest"), texts.text(key, minutes=minutes)
    title = texts.text("pause.title")
    said = Content(title, lines, aloud=(title, lines[0]))
    return _with_number(said, facts, texts)


def _low(facts: Facts, texts: Catalogue) -> Content:
    lines = truth(facts, facts.reading, texts, awaits_answer=False)
    return _spoken(texts.text("low.title"), lines)


def _blow(facts: Facts, texts: Catalogue) -> Content:
    effort = facts.effort
    if effort.phase is Phase.WAITING:
        line = texts.text("blow.how" if facts.flow.can_blow else "blow.searching")
        return _spoken(texts.text("blow.waiting"), (line,))
    if effort.phase is Phase.BLOWING:
        title = texts.text("blow.blast" if effort.elapsed_s < _BLAST_S else "blow.go_on")
    else:
        title = texts.text("blow.breathe_in")
    return Content(title, blow=True)


def _blown(facts: Facts, texts: Catalogue) -> Content:
    tries = facts.tries
    hint = texts.text(f"hint.{tries.hint}")
    line = texts.text("blown.count", blows=tries.blows, good=tries.good)
    return Content(hint, (line,), aloud=(hint,))


def _blow_result(facts: Facts, texts: Catalogue) -> Content:
    tries = facts.tries
    thanks = texts.text(
        "blow_result.tired" if tries.advice is Advice.TIRED else "blow_result.thanks"
    )
    lines = () if facts.blown is None else (delivery(facts.blown, facts.box, texts),)
    if tries.fev1_l is None:
        return Content(thanks, (texts.text("blow_result.nothing"), *lines))
    return Content(
        texts.text("blow_result.grade", grade=tries.grade),
        (texts.text("blow_result.what"), *lines),
        number=_in_words_of(texts, f"{tries.fev1_l:.2f}"),
        unit=texts.text("oxygen_flow.litres"),
        aloud=(thanks,),
    )


def _ring(facts: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("ring.title"), (facts.visit.caller,), aloud=())


def _talk(facts: Facts, texts: Catalogue) -> Content:
    waiting = facts.visit.state is CallState.WAITING
    return Content(texts.text("talk.waiting") if waiting else "", aloud=())


def _done(facts: Facts, texts: Catalogue) -> Content:
    lines = () if facts.diary is None else (delivery(facts.diary, facts.box, texts),)
    return Content(texts.text("done.title"), lines)


def _plan(facts: Facts, texts: Catalogue) -> Content:
    pages = pages_of(facts.box.plan if facts.box else None)
    if facts.flow.plan_page not in range(len(pages)):
        return Content(texts.text("starting.title"))
    page = pages[facts.flow.plan_page]
    return _spoken(texts.text(f"plan.{page.zone}"), page.lines)


def _spoken(title: str, lines: tuple[str, ...]) -> Content:
    """What is read aloud as it stands."""
    return Content(title, lines, aloud=(title, *lines))


def _with_number(content: Content, facts: Facts, texts: Catalogue) -> Content:
    """With the result large, and said first."""
    result = facts.flow.result
    if result is None:
        return content
    said = [texts.text("spoken.percent", number=result.spo2_pct)]
    if result.pulse_bpm is not None:
        said.append(texts.text("spoken.pulse", number=result.pulse_bpm))
    return msgspec.structs.replace(
        content, number=str(result.spo2_pct), unit="%", aloud=(*said, *(content.aloud or ()))
    )


def _pulse(facts: Facts, texts: Catalogue) -> str:
    result = facts.flow.result
    if result is None or result.pulse_bpm is None:
        return ""
    return texts.text("result.pulse", pulse=result.pulse_bpm)


_Maker = Callable[[Facts, Catalogue], Content]

_OVER: Mapping[str, _Maker] = MappingProxyType(
    {
        "starting": _starting,
        "silent": _silent,
        "locked": _locked,
        "paused": _paused,
        "call": _call,
        "ring": _ring,
        "asleep": lambda *_: Content(""),
        "talk": _talk,
        "message": _message,
    }
)
# The other steps are plain questions.
_STEPS: Mapping[Step, _Maker] = MappingProxyType(
    {
        Step.GREETING: _greeting,
        Step.WHO: _who,
        Step.GUEST: _guest,
        Step.OXYGEN_FLOW: _oxygen_flow,
        Step.CLIP: _clip,
        Step.HOLD: _hold,
        Step.AGAIN: _again,
        Step.NO_VALUE: _no_value,
        Step.RESULT: _result,
        Step.PAUSE: _pause,
        Step.LOW: _low,
        Step.BLOW: _blow,
        Step.BLOWN: _blown,
        Step.BLOW_RESULT: _blow_result,
        Step.DONE: _done,
        Step.PLAN: _plan,
    }
)
