"""A patient in front of the kiosk's attendant, without page and gateway: what the story tests tell."""

from itertools import count
from typing import Any, Self

import msgspec

from koffert_agent.clock import now
from koffert_agent.kiosk.attendant import UNSETTLED_S, Attendant
from koffert_agent.kiosk.catalogue import LANGUAGES, load_catalogue
from koffert_agent.kiosk.post import Said
from koffert_agent.kiosk.records import (
    Box,
    Breath,
    Circumstances,
    Delivery,
    DeliveryState,
    FromKiosk,
    Meter,
    Numbers,
    Submit,
)
from koffert_agent.kiosk.screen import Screen
from koffert_agent.kiosk.settings import KioskSettings
from koffert_agent.video.records import AnswerCall, CallState, CallView, EndCall
from koffert_drivers.parsers.flow_lines import RATE_HZ
from koffert_drivers.simulated.physiology import Effort, breath_l_s
from koffert_wire.commands import BoxSettings, Hours
from koffert_wire.messages import CallButton, SensorLink, SpotContext
from tests.device_agent.support import ManualClock

# 2026-11-23 is a Monday; 09:00 in Oslo.
MONDAY_MORNING_NS = 1_795_420_800 * 1_000_000_000
OFFICE_HOURS = (*([Hours(8 * 60, 15 * 60 + 30)] * 5), None, None, None)
SETTINGS = KioskSettings(nurse_telephone="51 00 00 00")
# Of a patient who retains carbon dioxide.
TOLD = BoxSettings(83, 40, 131, OFFICE_HOURS)


class Patient:
    """Presses buttons, holds the clip, and reads what stands there."""

    def __init__(self, settings: KioskSettings = SETTINGS) -> None:
        self.clock = ManualClock(MONDAY_MORNING_NS)
        self.sent: list[FromKiosk] = []
        self.told_video: list[AnswerCall | EndCall] = []
        self.gateway_there = True
        self.box = Box(
            link_up=True,
            loan="loan-1",
            ends_ms=None,
            locked=False,
            wall_ms=0,
            wall_trusted=True,
            settings=TOLD,
        )
        self.attendant = Attendant(
            settings,
            {language: load_catalogue(language) for language in LANGUAGES},
            self.clock,
            self._send,
            self.told_video.append,
        )
        self._numbers = count()
        self.attendant.connected()
        self.attendant.hear(Meter("contec-v7", SensorLink.CONNECTED))
        self.wait(0.2)

    @property
    def screen(self) -> Screen:
        """What stands there."""
        return self.attendant.shown.screen

    @property
    def first_line(self) -> str:
        """What stands below the title."""
        return self.screen.lines[0]

    @property
    def all_text(self) -> str:
        """All of it, as one text."""
        return " ".join((self.screen.title, *self.screen.lines, self.screen.note))

    @property
    def said(self) -> list[Said]:
        """What went to the outbox."""
        return [record.message for record in self.sent if isinstance(record, Submit)]

    @property
    def context(self) -> SpotContext | None:
        """What goes with the readings that come now."""
        told = [record for record in self.sent if isinstance(record, Circumstances)]
        return told[-1].context if told else None

    @property
    def measured(self) -> bytes:
        """The reading on which the result rests."""
        result = self.attendant._flow.result
        assert result is not None
        return result.reading

    def press(self, *buttons: str) -> Self:
        """Press one after another, each on a screen that has been read."""
        for button in buttons:
            self.wait(UNSETTLED_S + 0.1)
            self.attendant.press(self.attendant.shown.serial, button)
        return self

    def wait(self, seconds: float) -> Self:
        """Do nothing; the gateway goes on saying how the box is."""
        while seconds > 0:
            step_s = min(seconds, 0.5)
            self.clock.advance(step_s)
            seconds -= step_s
            if self.gateway_there:
                wall_ms = self.clock.wall_ns() // 1_000_000
                self.attendant.hear(msgspec.structs.replace(self.box, wall_ms=wall_ms))
            self.attendant.tick()
        return self

    def wait_until(self, hour: int) -> Self:
        """Let the day pass; it is nine in the morning at first."""
        self.clock.advance((hour - 9) * 3600)
        return self.wait(1)

    def hold(
        self,
        seconds: float,
        spo2_pct: float | None = 91,
        pulse_bpm: float | None = 82,
        flags: tuple[str, ...] = (),
    ) -> Self:
        """Keep the clip on."""
        for _ in range(round(seconds)):
            reading = next(self._numbers).to_bytes(16)
            quality = 0.0 if spo2_pct is None else 1.0
            self.attendant.hear(
                Numbers(reading, "contec-v7", spo2_pct, pulse_bpm, quality, flags, spot=False)
            )
            self.wait(1)
        return self

    def take_off(self) -> Self:
        """Take the clip off."""
        return self.hold(1, None, None, ("no-finger",))

    def deliver(self, *ids: bytes, state: DeliveryState = DeliveryState.STORED) -> Self:
        """Let the hub's receipt, or the disk's, come."""
        self.attendant.hear(Delivery(ids, state))
        return self

    def lose_meter(self) -> Self:
        """The oximeter's link is gone."""
        self.attendant.hear(Meter("contec-v7", SensorLink.LOST))
        return self

    def plug_spirometer(self, link: SensorLink = SensorLink.CONNECTED) -> Self:
        """Switch the flow sensor on, or off again."""
        self.attendant.hear(Meter("flow-lines", link, blows=True))
        return self

    def blow(self, effort: Effort, until_s: float = 9.0) -> Self:
        """Breathe quietly for a second, blow once, and hold the sensor until it is over."""
        for tenth in range(-10, round(until_s * 10)):
            samples = [
                round(breath_l_s(effort, tenth / 10 + n / RATE_HZ) * 1000) for n in range(10)
            ]
            self.attendant.hear(Breath("flow-lines", None, now(self.clock), RATE_HZ, samples))
            if self.screen.name != "blow":
                break
            self.wait(0.1)
        return self

    def answer_call(self) -> Self:
        """Somebody at the centre has taken the call."""
        [call] = [message.id for message in self.said if isinstance(message, CallButton)]
        self.deliver(call)
        self.box = msgspec.structs.replace(self.box, answered_call=call)
        return self.wait(1)

    def ring(self, caller: str = "Sykepleier Test") -> Self:
        """The nurse calls."""
        return self.visit(state=CallState.RINGING, caller=caller)

    def visit(self, **view: Any) -> Self:
        """The video process tells how the call is."""
        self.attendant.see_visit(CallView(**view))
        return self

    def to_clip(self) -> Self:
        """Answer as a calm patient without oxygen does."""
        return self.press("start", "yes", "no", "yes", "no")

    def _send(self, record: FromKiosk) -> None:
        self.sent.append(record)
