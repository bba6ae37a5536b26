"""The kiosk's one piece of state: takes what happens, knows what stands on the screen. No I/O of its own."""

import os
from collections.abc import Callable
from math import inf

from msgspec import Struct

from koffert_agent.clock import NS_PER_S, Clock
from koffert_agent.kiosk import duty
from koffert_agent.kiosk.catalogue import Catalogue
from koffert_agent.kiosk.flow import BUTTONS, Event, Flow, Step, advance
from koffert_agent.kiosk.measuring import Result, Watch, is_low, listen, observe
from koffert_agent.kiosk.records import (
    Box,
    Circumstances,
    Delivery,
    DeliveryState,
    FromGateway,
    FromKiosk,
    Meter,
    Numbers,
    PulseWave,
    Submit,
)
from koffert_agent.kiosk.screen import BACK, Facts, Screen, Sent, Volume, compose, is_silent
from koffert_agent.kiosk.settings import KioskSettings
from koffert_wire.commands import BoxSettings
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import (
    Attempt,
    CallButton,
    Diary,
    Instant,
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
# Receipts remembered: readings come once a second.
_DELIVERIES = 512
_RANDOM_BYTES = 10
CALL, VOLUME = "call", "volume"
_VOLUMES = tuple(Volume)
_IN_MEASUREMENT = {
    Step.CLIP,
    Step.HOLD,
    Step.AGAIN,
    Step.NO_VALUE,
    Step.RESULT,
    Step.PAUSE,
    Step.LOW,
    Step.GUEST,
}


class Shown(Struct, frozen=True):
    """A screen and its number: an answer to another number is not an answer to this screen."""

    serial: int
    screen: Screen


class Call(Struct, frozen=True):
    """The nurse has been called."""

    id: bytes
    at_s: float


class Attendant:
    """Attends to one patient. `send` hands a record to the gateway, and says whether it could."""

    def __init__(
        self,
        settings: KioskSettings,
        texts: Catalogue,
        clock: Clock,
        send: Callable[[FromKiosk], None],
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._clock = clock
        self._send = send
        self._flow = Flow()
        self._watch = Watch()
        self._box: Box | None = None
        self._box_at_s = -inf
        self._meters: dict[str, SensorLink] = {}
        self._deliveries: dict[bytes, DeliveryState] = {}
        self._unsaved: dict[bytes, Diary | CallButton | Attempt] = {}
        self._call: Call | None = None
        self._diary: Call | None = None
        self._volume = Volume.LOW
        self._sensor = ""
        self._step_at_s = self._result_at_s = self._now_s()
        self._shown = Shown(0, compose(self._facts(), texts))
        self._shown_at_s = -inf

    @property
    def shown(self) -> Shown:
        """What is on the screen."""
        return self._shown

    @property
    def _told(self) -> BoxSettings | None:
        """What the hub has set; None while it, or the gateway, has said nothing."""
        return self._box.settings if self._box else None

    # -- what happens -----------------------------------------------------------------------------

    def connected(self) -> None:
        """The gateway is there (again): say once more what it may not have heard."""
        self._send(Circumstances(self._circumstances()))
        for message in self._unsaved.values():
            self._send(Submit(message))

    def hear(self, record: FromGateway) -> None:
        """Take what the gateway says."""
        match record:
            case Box():
                self._box, self._box_at_s = record, self._now_s()
                if is_silent(record):
                    self._become_silent()
            case Meter():
                self._meters[record.sensor] = record.link
            case Numbers():
                self._measure(record)
            case Delivery():
                self._note_delivery(record)
            case PulseWave():
                return
        self._look()

    def press(self, serial: int, button: str) -> None:
        """A finger on the glass."""
        if button == VOLUME:
            self._volume = _VOLUMES[(_VOLUMES.index(self._volume) + 1) % len(_VOLUMES)]
        elif button == CALL:
            self._ring()
        elif serial != self._shown.serial or self._now_s() - self._shown_at_s < UNSETTLED_S:
            return
        elif button == BACK:
            self._call = None
        elif button in BUTTONS:
            self._happen(Event(button))
        self._look()

    def tick(self) -> None:
        """Let time pass; call it some times a second."""
        now_s = self._now_s()
        if now_s - self._box_at_s > _BOX_SILENT_S:
            self._box = None
        before = self._watch
        self._watch = listen(before, now_s)
        if before.finger and not self._watch.finger:
            self._happen(Event.FINGER_OFF)
        if self._flow.step is Step.HOLD and self._watch.is_lost(now_s):
            self._happen(Event.LOST)
        elif self._flow.step is Step.PAUSE and now_s - self._step_at_s >= REPEAT_AFTER_S:
            self._happen(Event.RESTED)
        elif now_s - self._step_at_s >= LEFT_AFTER_S:
            self._happen(Event.LEFT)
        self._look()

    # -- what follows -----------------------------------------------------------------------------

    def _measure(self, numbers: Numbers) -> None:
        now_s, before = self._now_s(), self._watch
        self._sensor = numbers.sensor
        self._watch = observe(before, numbers, now_s)
        if self._watch.finger != before.finger:
            self._happen(Event.FINGER_ON if self._watch.finger else Event.FINGER_OFF)
        result = self._watch.result() if self._flow.step is Step.HOLD else None
        if result is not None:
            low = is_low(result, self._told)
            self._happen(Event.TOO_LOW if low else Event.STEADY, result)

    def _happen(self, event: Event, result: Result | None = None) -> None:
        before, self._flow = self._flow, advance(self._flow, event, result)
        if result is not None:
            self._result_at_s = self._now_s()
        if self._flow.step is not before.step:
            self._step_at_s = self._now_s()
            self._follow(before)
        if self._flow != before:
            self._send(Circumstances(self._circumstances()))

    def _follow(self, before: Flow) -> None:
        """What a new step brings with it."""
        step = self._flow.step
        if step is Step.HOLD:
            self._watch = self._watch.again(self._now_s())
        elif step is Step.CLIP and self._watch.finger:
            self._happen(Event.FINGER_ON)  # it is on already
        elif step is Step.NO_VALUE:
            self._say(Attempt(self._new_id(), self._now(), self._sensor, self._reason()))
        elif step in {Step.DONE, Step.GREETING} and before.answers and before.step is not Step.DONE:
            answers = dict(self._flow.answers or before.answers)
            diary = Diary(self._new_id(), self._now(), answers)
            self._diary = Call(diary.id, self._now_s())
            self._say(diary)

    def _ring(self) -> None:
        if self._call is None and not (self._box and is_silent(self._box)):
            button = CallButton(self._new_id(), self._now())
            self._call = Call(button.id, self._now_s())
            self._say(button)

    def _say(self, message: Diary | CallButton | Attempt) -> None:
        self._unsaved[message.id] = message
        self._send(Submit(message))

    def _note_delivery(self, delivery: Delivery) -> None:
        for message in delivery.ids:
            self._unsaved.pop(message, None)
            self._deliveries[message] = delivery.state
        while len(self._deliveries) > _DELIVERIES:
            del self._deliveries[next(iter(self._deliveries))]

    def _become_silent(self) -> None:
        """What one patient said is nothing to the next."""
        self._flow, self._call, self._diary = Flow(), None, None
        self._unsaved.clear()
        self._deliveries.clear()

    def _circumstances(self) -> SpotContext | None:
        """What goes with the readings that come now; None when nobody has said whose they are."""
        return self._flow.context if self._flow.step in _IN_MEASUREMENT else None

    def _reason(self) -> str:
        return self._watch.flags[-1] if self._watch.flags else "no-steady-value"

    # -- what is shown ----------------------------------------------------------------------------

    def _look(self) -> None:
        before, screen = self._shown, compose(self._facts(), self._texts)
        if screen == before.screen:
            return
        same = (screen.name, screen.number) == (before.screen.name, before.screen.number)
        if not same:
            self._shown_at_s = self._now_s()
        self._shown = Shown(before.serial if same else before.serial + 1, screen)

    def _facts(self) -> Facts:
        now_s, wall_ms = self._now_s(), self._clock.wall_ns() // 1_000_000
        result = self._flow.result
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
            meter_there=SensorLink.CONNECTED in self._meters.values(),
            reading=self._sent(result.reading if result else b"", self._result_at_s),
            diary=None if self._diary is None else self._sent(self._diary.id, self._diary.at_s),
            call=None if self._call is None else self._sent(self._call.id, self._call.at_s),
            left_s=max(0.0, self._step_at_s + REPEAT_AFTER_S - now_s),
            volume=self._volume,
            telephone=(self._told.telephone if self._told else None)
            or self._settings.nurse_telephone,
        )

    def _sent(self, message: bytes, at_s: float) -> Sent:
        return Sent(self._deliveries.get(message), self._now_s() - at_s)

    def _now(self) -> Instant:
        """This moment; the gateway knows whether the wall clock may be trusted, this process may not ask."""
        trusted = self._box is not None and self._box.wall_trusted
        return Instant(self._clock.boottime_ns(), self._clock.wall_ns(), trusted)

    def _now_s(self) -> float:
        return self._clock.boottime_ns() / NS_PER_S

    def _new_id(self) -> bytes:
        return uuid7(self._clock.wall_ns(), os.urandom(_RANDOM_BYTES))
