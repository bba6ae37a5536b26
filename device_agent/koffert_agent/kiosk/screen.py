"""What stands on the screen, of all that is known. Pure: the same facts make the same screen."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import ceil
from types import MappingProxyType

import msgspec
from msgspec import Struct

from koffert_agent.kiosk.catalogue import Catalogue
from koffert_agent.kiosk.duty import local_time
from koffert_agent.kiosk.flow import Event, Flow, Step, buttons_of
from koffert_agent.kiosk.measuring import STEADY_S, Watch
from koffert_agent.kiosk.records import Box, DeliveryState

# How long a message may be on its way before the patient is told what to do instead (ux: 60 s).
PATIENCE_S = 60.0
# Where nobody else is named: the out-of-hours doctor, all over Norway.
OUT_OF_HOURS_TELEPHONE = "116 117"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_MORNING_UNTIL, _DAY_UNTIL = 10, 18


class Volume(StrEnum):
    """How loud the voice is; one button goes round."""

    LOW = "low"
    HIGH = "high"
    OFF = "off"


class Sent(Struct, frozen=True):
    """How far something has come that the patient waits for, and for how long already."""

    state: DeliveryState | None
    waited_s: float


class Facts(Struct, frozen=True):
    """All that is known. `box` is None while the gateway is away, `call` while nobody has called.

    `left_s` is what remains of the five minutes before a low reading is taken again.
    """

    flow: Flow
    watch: Watch
    box: Box | None
    staffed: bool
    wall_ms: int
    meter_there: bool = True
    reading: Sent = Sent(None, 0.0)
    diary: Sent | None = None
    call: Sent | None = None
    left_s: float = 0.0
    volume: Volume = Volume.LOW
    telephone: str | None = None


class Button(Struct, frozen=True):
    """A button: what it does and what stands on it."""

    event: str
    text: str


class Screen(Struct, frozen=True):
    """One screen. `number` is a value with its `unit`; `progress` 0 to 1; `voice` is what to say aloud.

    `call` and `volume` are the texts of the two buttons that are always there; None where they are not.
    """

    name: str
    title: str
    lines: tuple[str, ...] = ()
    number: str | None = None
    unit: str = ""
    wave: bool = False
    progress: float | None = None
    buttons: tuple[Button, ...] = ()
    note: str = ""
    call: str | None = None
    volume: str | None = None
    loudness: Volume = Volume.OFF
    voice: tuple[str, ...] = ()


class Content(Struct, frozen=True):
    """The middle of a screen, before the frame is put around it. `aloud` is what is said; None is the title."""

    title: str
    lines: tuple[str, ...] = ()
    number: str | None = None
    unit: str = ""
    wave: bool = False
    progress: float | None = None
    aloud: tuple[str, ...] | None = None


def compose(facts: Facts, texts: Catalogue) -> Screen:
    """The screen for these facts."""
    name = place(facts)
    content = _OVER.get(name, _step_content)(facts, texts)
    silent = name == "silent"
    return Screen(
        name=name,
        title=content.title,
        lines=content.lines,
        number=content.number,
        unit=content.unit,
        wave=content.wave,
        progress=content.progress,
        buttons=_buttons(name, facts.flow.step, texts),
        note=_note(name, facts, texts),
        call=None if silent or name == "call" else texts.text("button.call"),
        volume=None if silent else texts.text(f"volume.{facts.volume.value}"),
        loudness=Volume.OFF if silent else facts.volume,
        voice=() if silent else _voice(content),
    )


def place(facts: Facts) -> str:
    """Which screen it is: what must be seen first, else the step of the flow."""
    if facts.box is not None and is_silent(facts.box):
        return "silent"
    if facts.call is not None:
        return "call"
    return "starting" if facts.box is None else facts.flow.step.value


def is_silent(box: Box) -> bool:
    """Whether the box is nobody's: not lent, reported lost, or its loan is over."""
    return (
        box.loan is None or box.locked or (box.ends_ms is not None and box.wall_ms >= box.ends_ms)
    )


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


# -- what stands in the middle --------------------------------------------------------------------


def _starting(_: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("starting.title"), (texts.text("starting.what_next"),))


def _silent(_: Facts, texts: Catalogue) -> Content:
    lines = texts.text("silent.what_next"), texts.text("truth.danger")
    return Content(texts.text("silent.title"), lines)


def _call(facts: Facts, texts: Catalogue) -> Content:
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
    return _spoken(texts.text(f"greeting.{part}"), (texts.text("greeting.ask"),))


def _who(_: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("who.ask"), (texts.text("who.mean"),))


def _guest(_: Facts, texts: Catalogue) -> Content:
    return Content(texts.text("guest.title"), (texts.text("guest.what_next"),))


def _oxygen_flow(facts: Facts, texts: Catalogue) -> Content:
    flow_l_min = facts.flow.oxygen_flow_l_min
    title = texts.text("oxygen_flow.ask")
    if flow_l_min is None:
        return Content(title, number=texts.text("oxygen_flow.unknown"))
    decimal = "." if texts.language == "en" else ","
    number = f"{flow_l_min:g}".replace(".", decimal)
    return Content(title, number=number, unit=texts.text("oxygen_flow.litres"))


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


def _done(facts: Facts, texts: Catalogue) -> Content:
    lines = () if facts.diary is None else (delivery(facts.diary, facts.box, texts),)
    return Content(texts.text("done.title"), lines)


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


def _note(name: str, facts: Facts, texts: Catalogue) -> str:
    """Said once, before it matters; afterwards each result says where it is."""
    away = facts.box is not None and not facts.box.link_up
    return texts.text("network.away") if away and name == Step.GREETING else ""


def _voice(content: Content) -> tuple[str, ...]:
    return (content.title,) if content.aloud is None else content.aloud


_Maker = Callable[[Facts, Catalogue], Content]

_OVER: Mapping[str, _Maker] = MappingProxyType(
    {"starting": _starting, "silent": _silent, "call": _call}
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
        Step.DONE: _done,
    }
)

# -- the buttons ----------------------------------------------------------------------------------

# What a button says where it does not say what it does everywhere else.
_LABELS: Mapping[tuple[Step, Event], str] = MappingProxyType(
    {
        (Step.OXYGEN_FLOW, Event.YES): "button.right",
        (Step.AGAIN, Event.NEXT): "button.again",
        (Step.GUEST, Event.NEXT): "button.finish",
        (Step.DONE, Event.NEXT): "button.finish",
    }
)
BACK = "back"


def _buttons(name: str, step: Step, texts: Catalogue) -> tuple[Button, ...]:
    if name == "call":
        return (Button(BACK, texts.text("button.back")),)
    if name != step.value:
        return ()
    return tuple(
        Button(event.value, texts.text(_LABELS.get((step, event), f"button.{event.value}")))
        for event in buttons_of(step)
    )
