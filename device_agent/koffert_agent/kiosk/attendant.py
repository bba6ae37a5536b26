"""The kiosk's one piece of state: takes what happens, knows what stands on the screen. No I/O of its own."""

from collections.abc import Callable, Mapping
from math import inf

import msgspec
from msgspec import Struct

from koffert_agent.clock import Clock
from koffert_agent.kiosk import duty
from koffert_agent.kiosk.catalogue import Catalogue
from koffert_agent.kiosk.contact import Contact
from koffert_agent.kiosk.day import Today, round_now
from koffert_agent.kiosk.effort import Effort
from koffert_agent.kiosk.facts import Facts, Sent, Volume
from koffert_agent.kiosk.flow import (
    AT_THE_BLOW,
    BEFORE_MEASURING,
    BUTTONS,
    IN_MEASUREMENT,
    Event,
    Flow,
    Step,
    advance,
)
from koffert_agent.kiosk.measuring import Result, Watch, is_low, listen, observe
from koffert_agent.kiosk.moments import Moments
from koffert_agent.kiosk.mouthpiece import Mouthpiece
from koffert_agent.kiosk.plan import pages_of
from koffert_agent.kiosk.post import Given, Post
from koffert_agent.kiosk.records import (
    Box,
    Breath,
    Circumstances,
    Delivery,
    FromGateway,
    FromKiosk,
    Meter,
    Numbers,
    PulseWave,
)
from koffert_agent.kiosk.screen import (
    BACK,
    HANG_UP,
    MORE,
    NO_PICTURE,
    PAUSED,
    PICTURE,
    READ,
    SCREEN,
    Screen,
    asked,
    compose,
)
from koffert_agent.kiosk.settings import KioskSettings
from koffert_agent.panel.panel import Control
from koffert_agent.video.records import AnswerCall, CallState, CallView, EndCall
from koffert_wire.commands import BoxSettings, Schedule, SelfPlan
from koffert_wire.messages import (
    Attempt,
    Diary,
    SensorLink,
    SpotContext,
)

# Before a low reading is taken again (clinical rule set, layer 0).
REPEAT_AFTER_S = 300.0
# Nobody thinks about a question for this long: the patient has gone.
LEFT_AFTER_S = 1800.0
# A hand that trembles presses twice; the second press must not answer the next question unread.
UNSETTLED_S = 0.4
# The gateway says each second how the box is; so many may fail to come.
_BOX_SILENT_S = 3.0
CALL, VOLUME = "call", "volume"
_VOLUMES = tuple(Volume)
_OF_CONTACT = {BACK, PICTURE, NO_PICTURE, MORE, READ}


class Shown(Struct, frozen=True):
    """A screen and its number: an answer to another number is not an answer to this screen."""

    serial: int
    screen: Screen


class Attendant:
    """Attends to one patient, in the language of `catalogues` that the hub names, else in that of the settings.

    `send` hands a record to the gateway, `tell_video` one to the video process.
    """

    def __init__(
        self,
        settings: KioskSettings,
        catalogues: Mapping[str, Catalogue],
        clock: Clock,
        send: Callable[[FromKiosk], None],
        tell_video: Callable[[AnswerCall | EndCall], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._catalogues = catalogues
        self._texts = catalogues[settings.language]
        self._send = send
        self._box: Box | None = None
        self._moments = Moments(clock, lambda: self._box is not None and self._box.wall_trusted)
        self._post = Post(send, self._moments.now_s)
        self._contact = Contact(self._post, self._moments, tell_video)
        self._mouthpiece = Mouthpiece(self._post, self._moments)
        self._flow = Flow()
        self._watch = Watch()
        self._plan: SelfPlan | None = None
        self._box_at_s = -inf
        self._meters: dict[str, Meter] = {}
        self._asleep = self._paused = False
        self._today = Today()
        self._diary: Given | None = None
        self._volume = Volume.LOW
        self._sensor = ""
        self._step_at_s = self._result_at_s = self._moments.now_s()
        self._shown = Shown(0, compose(self._facts(), self._texts))
        self._shown_at_s = -inf

    @property
    def shown(self) -> Shown:
        """What is on the screen."""
        return self._shown

    @property
    def texts(self) -> Catalogue:
        """The words that are spoken with the patient."""
        return self._texts

    @property
    def effort(self) -> Effort | None:
        """The blow that is blown now; None where nobody is asked to."""
        return self._mouthpiece.effort if self._flow.step is Step.BLOW else None

    @property
    def _told(self) -> BoxSettings | None:
        """What the hub has set; None while it, or the gateway, has said nothing."""
        return self._box.settings if self._box else None

    # -- what happens -----------------------------------------------------------------------------

    def connected(self) -> None:
        """The gateway is there (again): say once more what it may not have heard."""
        self._send(Circumstances(self._circumstances()))
        self._post.say_again()

    def hear(self, record: FromGateway) -> None:
        """Take what the gateway says."""
        match record:
            case Box():
                self._box, self._box_at_s = record, self._moments.now_s()
                wanted = (self._told and self._told.language) or self._settings.language
                self._texts = self._catalogues.get(wanted, self._texts)
                if record.silent:
                    self._become_silent()
                elif record.paused != self._paused:
                    self._turn(paused=record.paused)
                self._hold_plan(record.plan)
                self._contact.hold(record.message)
            case Meter():
                self._meters[record.sensor] = record
                can_blow = self._is_there(blows=True)
                self._flow = msgspec.structs.replace(self._flow, can_blow=can_blow)
            case Numbers():
                self._measure(record)
            case Breath():
                self._breathe(record)
            case Delivery():
                self._post.note(record)
            case PulseWave():
                return
        self._look()

    def see_visit(self, visit: CallView) -> None:
        """The video call has changed, or the video process is gone."""
        asked = visit.measure > self._contact.visit.measure
        self._contact.see(visit)
        if visit.state is not CallState.IDLE:
            self._asleep = False
            if self._flow.step is Step.PLAN:
                self._happen(Event.LEFT)
        if self._box is not None and self._box.silent:
            self._contact.refuse_visit()
        if asked:
            self._happen(
                Event.START
            )  # by the nurse's word; in the middle of something it means nothing
        self._look()

    def press(self, serial: int, button: str) -> None:
        """A finger on the glass."""
        if button == VOLUME:
            self._volume = _VOLUMES[(_VOLUMES.index(self._volume) + 1) % len(_VOLUMES)]
        elif button == CALL:
            self._ring()
        elif button == HANG_UP:
            self._contact.press(button)
        elif button == SCREEN:
            self._switch_off()
        elif serial != self._shown.serial or self._moments.now_s() - self._shown_at_s < UNSETTLED_S:
            return
        elif button in _OF_CONTACT:
            self._asleep = False
            self._contact.press(button)
        elif button in BUTTONS:
            self._happen(self._meant(Event(button)))
        self._look()

    def _switch_off(self) -> None:
        if self._shown.screen.name == Step.DONE:
            self._happen(Event.LEFT)
            self._asleep = True
        else:
            self._asleep = self._shown.screen.name in {Step.GREETING, PAUSED}

    def press_beside(self, control: Control) -> None:
        """A finger on a button beside the screen."""
        rings = self._shown.screen.rings
        if self._contact.in_visit and not rings and control is not Control.VOLUME:
            return
        if rings and control is Control.SCREEN:
            return
        # Who takes the receiver wants to talk; whether to be seen, and when to end it, is for the screen alone.
        button = NO_PICTURE if rings and control is Control.CALL else control.value
        self.press(self._shown.serial, button)

    def tick(self) -> None:
        """Let time pass; call it some times a second."""
        now_s = self._moments.now_s()
        if now_s - self._box_at_s > _BOX_SILENT_S:
            self._box = None
        before = self._watch
        self._watch = listen(before, now_s)
        if before.finger and not self._watch.finger:
            self._happen(Event.FINGER_OFF)
        if self._flow.step is Step.BLOW:
            self._mouthpiece.let_go()
        if self._flow.step is Step.HOLD and self._watch.is_lost(now_s):
            self._happen(Event.LOST)
        elif self._flow.step is Step.PAUSE and now_s - self._step_at_s >= REPEAT_AFTER_S:
            self._happen(Event.RESTED)
        elif now_s - self._step_at_s >= LEFT_AFTER_S:
            self._happen(Event.LEFT)
        if self._today.reminds(*self._scheduled()):
            self._asleep = False
        self._look()

    # -- what follows -----------------------------------------------------------------------------

    def _measure(self, numbers: Numbers) -> None:
        now_s, before = self._moments.now_s(), self._watch
        self._sensor = numbers.sensor
        self._watch = observe(before, numbers, now_s)
        if self._watch.finger != before.finger:
            self._happen(Event.FINGER_ON if self._watch.finger else Event.FINGER_OFF)
        result = self._watch.result() if self._flow.step is Step.HOLD else None
        if result is not None:
            low = is_low(result, self._told)
            self._happen(Event.TOO_LOW if low else Event.STEADY, result)

    def _breathe(self, breath: Breath) -> None:
        if self._mouthpiece.hear(breath, wanted=self._flow.step is Step.BLOW):
            self._happen(Event.ENOUGH if self._mouthpiece.is_enough else Event.BLEW)

    def _meant(self, button: Event) -> Event:
        """Who has blown and stops before the next blow wants to see what came of it."""
        stops = button is Event.STOP and self._flow.step is Step.BLOW
        return Event.ENOUGH if stops and self._mouthpiece.tries.blows else button

    def _happen(self, event: Event, result: Result | None = None) -> None:
        if self._paused:
            return
        if self._flow.step in BEFORE_MEASURING:
            self._flow = self._for_this_round(self._flow)
        before, self._flow = self._flow, advance(self._flow, event, result)
        if result is not None:
            self._result_at_s = self._moments.now_s()
            self._today.note_measured(*self._scheduled())
        if self._flow.step is not before.step:
            self._asleep = False
            self._step_at_s = self._moments.now_s()
            self._follow(before)
        if self._flow != before:
            self._send(Circumstances(self._circumstances()))

    def _for_this_round(self, flow: Flow) -> Flow:
        """What is asked for now; beside the schedule, and together with the nurse, it is everything."""
        agreed = None if self._contact.in_visit else round_now(*self._scheduled())
        return msgspec.structs.replace(
            flow,
            asks_blow=agreed is None or agreed.blow,
            asks_questions=agreed is None or agreed.questions,
        )

    def _scheduled(self) -> tuple[Schedule, int]:
        """The schedule, and what time it is; no schedule holds while nobody knows the time."""
        trusted = self._box is not None and self._box.wall_trusted and not self._box.paused
        schedule = self._told.schedule if self._told and trusted else ()
        return schedule, self._moments.wall_ms()

    def _follow(self, before: Flow) -> None:
        """What a new step brings with it."""
        step = self._flow.step
        if before.step in AT_THE_BLOW and step not in AT_THE_BLOW:
            self._mouthpiece.hand_over()
        if step is Step.BLOW_ASK:
            self._mouthpiece.open()
        elif step is Step.BLOW:
            self._mouthpiece.begin()
        elif step is Step.HOLD:
            self._watch = self._watch.again(self._moments.now_s())
        elif step is Step.CLIP and self._watch.finger:
            self._happen(Event.FINGER_ON)  # it is on already
        elif step is Step.NO_VALUE:
            self._post.say(Attempt(*self._moments.stamp(), self._sensor, self._reason()))
        elif step in {Step.DONE, Step.GREETING} and before.answers and before.step is not Step.DONE:
            answers = dict(self._flow.answers or before.answers)
            self._diary = self._post.give(Diary(*self._moments.stamp(), answers))

    def _ring(self) -> None:
        if not (self._box and self._box.silent):
            self._asleep = False
            self._contact.ring()

    def _become_silent(self) -> None:
        """What one patient said is nothing to the next."""
        self._flow, self._diary = Flow(can_blow=self._flow.can_blow), None
        self._plan, self._today = None, Today()
        self._mouthpiece.forget()
        self._post.forget()
        self._contact.forget()

    def _turn(self, *, paused: bool) -> None:
        """A pause ends what was begun, and what was answered is kept; after it all begins anew, awake."""
        self._happen(Event.LEFT)
        before, self._paused, self._asleep = self._flow, paused, False
        self._flow = Flow(
            flow_choice=before.flow_choice, can_blow=before.can_blow, plan_pages=before.plan_pages
        )
        self._send(Circumstances(self._circumstances()))

    def _hold_plan(self, plan: SelfPlan | None) -> None:
        """Another plan than the one that is read begins at the greeting."""
        if plan == self._plan:
            return
        self._plan = plan
        if self._flow.step is Step.PLAN:
            self._happen(Event.LEFT)
        self._flow = msgspec.structs.replace(self._flow, plan_pages=len(pages_of(plan)))

    def _circumstances(self) -> SpotContext | None:
        """What goes with the readings that come now; None when nobody has said whose they are."""
        return self._flow.context if self._flow.step in IN_MEASUREMENT else None

    def _reason(self) -> str:
        return self._watch.flags[-1] if self._watch.flags else "no-steady-value"

    # -- what is shown ----------------------------------------------------------------------------

    def _look(self) -> None:
        before, screen = self._shown, compose(self._facts(), self._texts)
        if screen == before.screen:
            return
        same = asked(screen) == asked(before.screen)
        if not same:
            self._shown_at_s = self._moments.now_s()
        self._shown = Shown(before.serial if same else before.serial + 1, screen)

    def _facts(self) -> Facts:
        now_s, wall_ms = self._moments.now_s(), self._moments.wall_ms()
        result = self._flow.result
        reading = Given(result.reading, self._result_at_s) if result else None
        return Facts(
            flow=self._flow,
            watch=self._watch,
            box=self._box,
            staffed=duty.is_staffed(
                self._told.staffed if self._told else None,
                wall_ms,
                trusted=self._box is not None and self._box.wall_trusted,
            ),
            wall_ms=wall_ms,
            meter_there=self._is_there(blows=False),
            reading=self._post.how_far(reading) or Sent(None, 0.0),
            diary=self._post.how_far(self._diary),
            call=self._contact.called(),
            answered=self._contact.is_answered(self._box.answered_call if self._box else None),
            effort=self._mouthpiece.effort,
            tries=self._mouthpiece.tries,
            blown=self._mouthpiece.how_far(),
            visit=self._contact.visit,
            message=self._contact.message,
            asleep=self._asleep,
            today=self._today.planned(*self._scheduled()),
            left_s=max(0.0, self._step_at_s + REPEAT_AFTER_S - now_s),
            volume=self._volume,
            telephone=(self._told.telephone if self._told else None)
            or self._settings.nurse_telephone,
        )

    def _is_there(self, *, blows: bool) -> bool:
        return any(
            meter.link is SensorLink.CONNECTED and meter.blows == blows
            for meter in self._meters.values()
        )
