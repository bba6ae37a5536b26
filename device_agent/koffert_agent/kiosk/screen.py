"""What stands on the screen, of all that is known. Pure: the same facts make the same screen."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec import Struct

from koffert_agent.kiosk.catalogue import Catalogue
from koffert_agent.kiosk.contents import Content, content_of, note_of
from koffert_agent.kiosk.duty import local_time
from koffert_agent.kiosk.facts import Facts, Volume
from koffert_agent.kiosk.flow import Event, Step, buttons_of
from koffert_agent.kiosk.records import Box
from koffert_agent.video.records import CallState

ASLEEP, PAUSED, MESSAGE = "asleep", "paused", "message"
# Nothing stands there but what is said.
_BARE = {"silent", "locked", ASLEEP}
_NIGHT_FROM, _NIGHT_UNTIL = 22, 7
_TALKING = {CallState.TALKING, CallState.WAITING}


class Button(Struct, frozen=True):
    """A button: what it does and what stands on it."""

    event: str
    text: str


class Screen(Struct, frozen=True):
    """One screen in one `language`. `number` is a value with its `unit`; `progress` 0 to 1; `voice` is what to say aloud.

    `call` and `volume` are the texts of the two buttons that are always there; None where they are not.
    During a video call `hang_up` stands in place of `call`, `watched` says who sees and hears, `caption` is
    what the nurse has typed, and `nurse` whether there is a picture of the nurse to show. `dark` is for the
    night.
    """

    name: str
    title: str
    lines: tuple[str, ...] = ()
    number: str | None = None
    unit: str = ""
    wave: bool = False
    blow: bool = False
    progress: float | None = None
    buttons: tuple[Button, ...] = ()
    note: str = ""
    call: str | None = None
    volume: str | None = None
    loudness: Volume = Volume.OFF
    voice: tuple[str, ...] = ()
    rings: bool = False
    hang_up: str | None = None
    watched: str = ""
    camera: bool = False
    caption: str = ""
    nurse: bool = False
    dark: bool = False
    language: str = "nb"


def compose(facts: Facts, texts: Catalogue) -> Screen:
    """The screen for these facts."""
    name = place(facts)
    content = content_of(name, facts, texts)
    screen = Screen(
        name=name,
        title=content.title,
        lines=content.lines,
        number=content.number,
        unit=content.unit,
        wave=content.wave,
        blow=content.blow,
        progress=content.progress,
        buttons=_buttons(name, facts, texts),
        note=note_of(name, facts, texts),
        language=texts.language,
    )
    if name in _BARE:
        return screen
    talking = facts.visit.state in _TALKING
    framed = msgspec.structs.replace(
        screen,
        call=None if name == "call" else texts.text("button.call"),
        volume=texts.text(f"volume.{facts.volume.value}"),
        loudness=facts.volume,
        # The nurse speaks now.
        voice=() if talking or (name == MESSAGE and _is_night(facts)) else _voice(content),
        dark=_is_night(facts),
    )
    return _in_visit(framed, facts, texts) if talking or name == "ring" else framed


def _in_visit(screen: Screen, facts: Facts, texts: Catalogue) -> Screen:
    """With what must be seen for as long as somebody may look or listen."""
    visit, rings = facts.visit, screen.name == "ring"
    return msgspec.structs.replace(
        screen,
        call=None,
        hang_up=texts.text("button.decline" if rings else "button.hang_up"),
        rings=rings,
        watched="" if rings else _watched(facts, texts),
        camera=visit.picture,
        caption=visit.caption,
        nurse=visit.state is CallState.TALKING and visit.caller_picture,
    )


def _watched(facts: Facts, texts: Catalogue) -> str:
    visit = facts.visit
    if not visit.watchers:
        return texts.text("watched.camera") if visit.picture else ""
    key = "watched.seen" if visit.picture else "watched.heard"
    return texts.text(key, who=", ".join(visit.watchers))


def place(facts: Facts) -> str:
    """Which screen it is: what must be seen first, else the step of the flow."""
    if facts.box is not None and facts.box.silent:
        return "locked" if facts.box.locked else "silent"
    if facts.visit.state is CallState.RINGING:
        return "ring"
    if facts.visit.state in _TALKING:
        # The nurse may ask for a measurement; her picture is then beside it.
        resting = facts.box is None or facts.box.paused or facts.flow.step is Step.GREETING
        return "talk" if resting else facts.flow.step.value
    if facts.call is not None:
        return "call"
    return _place_alone(facts)


def _place_alone(facts: Facts) -> str:
    """Which screen it is while nobody calls."""
    asleep = facts.asleep and facts.flow.step is Step.GREETING
    if facts.box is None:
        return ASLEEP if asleep else "starting"
    if _has_message(facts, facts.box):
        return MESSAGE
    if asleep:
        return ASLEEP
    return PAUSED if facts.box.paused else facts.flow.step.value


def _has_message(facts: Facts, box: Box) -> bool:
    """Not in the middle of something, not in an empty home, and a screen that is off at night stays dark."""
    wanted = facts.message and facts.flow.step is Step.GREETING and not box.paused
    return bool(wanted) and not (facts.asleep and _is_night(facts))


def _is_night(facts: Facts) -> bool:
    """Whether a bright screen would be the brightest thing in the room; a clock that nobody set does not know."""
    if facts.box is None or not facts.box.wall_trusted:
        return False
    hour = local_time(facts.wall_ms).hour
    return hour >= _NIGHT_FROM or hour < _NIGHT_UNTIL


def asked(screen: Screen) -> tuple[object, ...]:
    """What an answer is an answer to. A page of the plan, and other buttons, make another screen."""
    return (
        screen.name,
        screen.number,
        screen.buttons,
        screen.lines if screen.name in {Step.PLAN, MESSAGE} else (),
    )


def _voice(content: Content) -> tuple[str, ...]:
    return (content.title,) if content.aloud is None else content.aloud


# -- the buttons ----------------------------------------------------------------------------------

# What a button says where it does not say what it does everywhere else.
_LABELS: Mapping[tuple[Step, Event], str] = MappingProxyType(
    {
        (Step.OXYGEN_FLOW, Event.YES): "button.right",
        (Step.AGAIN, Event.NEXT): "button.again",
        (Step.GUEST, Event.NEXT): "button.finish",
        (Step.DONE, Event.NEXT): "button.finish",
        (Step.BLOWN, Event.NEXT): "button.blow_again",
        (Step.BLOWN, Event.STOP): "button.finish",
        (Step.PLAN, Event.STOP): "button.back",
    }
)
BACK, PICTURE, NO_PICTURE, HANG_UP = "back", "picture", "no-picture", "hang-up"
MORE, READ = "more", "read"
SCREEN = "screen"
# The screen is switched off here; a patient with a plan finds it there in place of the switch of the greeting.
SWITCHED_AT = frozenset({Step.GREETING, Step.DONE})
# On the screens that are no step of the flow: what a button does, and what stands on it.
_OF_THE_PLACE: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "call": ((BACK, "button.back"),),
        "ring": ((PICTURE, "button.picture"), (NO_PICTURE, "button.no_picture")),
        "talk": ((Event.START.value, "button.measure"),),
        ASLEEP: ((SCREEN, "button.wake"),),
        PAUSED: ((SCREEN, "button.screen"),),
    }
)


def _buttons(name: str, facts: Facts, texts: Catalogue) -> tuple[Button, ...]:
    if name == MESSAGE:
        event = READ if len(facts.message) == 1 else MORE
        return (Button(event, texts.text(f"button.{event}")),)
    if name == "talk" and facts.box is not None and facts.box.paused:
        return ()
    if name in _OF_THE_PLACE:
        return tuple(Button(event, texts.text(label)) for event, label in _OF_THE_PLACE[name])
    step = facts.flow.step
    if name != step.value:
        return ()
    flow = facts.flow
    unoffered = set() if flow.plan_pages else {Event.PLAN}
    labels = _LABELS
    if step is Step.PLAN and flow.plan_page == flow.plan_pages - 1:
        labels = MappingProxyType({**_LABELS, (Step.PLAN, Event.NEXT): "button.finish"})
    offered = tuple(
        Button(event.value, texts.text(labels.get((step, event), f"button.{event.value}")))
        for event in buttons_of(step)
        if event not in unoffered
    )
    # Where there is room for it: beside the one question that nobody need answer, or at the end.
    switch = Button(SCREEN, texts.text("button.screen"))
    return (*offered, switch) if step in SWITCHED_AT and len(offered) == 1 else offered
