"""Alerts as those who watch see them: what a page is given, and what it may ask for."""

from typing import Protocol

from msgspec import Struct

from koffert_hub.alerts.card import Card
from koffert_hub.alerts.records import Priority


class WardAlert(Struct, frozen=True, kw_only=True):
    """One open alert of one patient. `reason` is the rule's sentence for each language.

    `waiting`: it is no alert yet, but a first reading beyond a red limit, or a call that nobody has taken.
    `takeable` says whether a person can take it; `card` is the patient's VIP card; `call`: the patient has pressed
    the call button, and a video call is the answer; `reminds`: nothing has come, and a reminder on the patient's
    screen is the answer.
    """

    id: str
    patient: str
    priority: Priority
    reason: dict[str, str]
    raised_ms: int
    acknowledged_by: str | None = None
    acknowledged_ms: int | None = None
    waiting: bool = False
    takeable: bool = True
    card: Card | None = None
    call: bool = False
    reminds: bool = False


class Taken(Struct, frozen=True):
    """An alert that someone has acknowledged; `first` says whether it was the one who asked."""

    alert: WardAlert
    first: bool


class AlertGone(Exception):
    """The alert is no longer open: it cleared, or never was."""


class Alerts(Protocol):
    """The open alerts, and who has taken them."""

    @property
    def version(self) -> int:
        """A number that changes whenever `open_alerts` does; read on the event loop, so it only looks."""
        ...

    def open_alerts(self) -> tuple[WardAlert, ...]:
        """Every open alert, from memory: called on the event loop."""
        ...

    def acknowledge(self, alert_id: str, username: str, display_name: str, at_ms: int) -> Taken:
        """Take an alert; one already taken comes back with its first taker. Raises AlertGone.

        Called from a worker thread; durable when it returns.
        """
        ...


class NoAlerts:
    """A hub without rules: nothing is ever open."""

    version = 0

    def open_alerts(self) -> tuple[WardAlert, ...]:
        """See `Alerts`."""
        return ()

    def acknowledge(self, alert_id: str, username: str, display_name: str, at_ms: int) -> Taken:
        """See `Alerts`."""
        raise AlertGone(alert_id, username, display_name, at_ms)
