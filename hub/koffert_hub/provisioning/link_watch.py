"""Whether the boxes are connected, as the broker keeps it for them: one that is gone for long is an alert.

The word is the broker's own (a retained last will), so nothing of it is authenticated further: who runs the broker could
also keep everything back. A box that is switched off, without power or without a network looks the same from here.
"""

from collections import deque
from datetime import datetime, timedelta

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.loans import LoanState
from koffert_hub.technical_alerts import Cause, close_alert, open_alerts, raise_alert
from koffert_hub.times import to_ms
from koffert_wire.mqtt import Incoming
from koffert_wire.topics import LINK_GONE, parse_up_link

# Links by satellite and mobile networks come and go, and a box starts anew after an update.
PATIENCE = timedelta(minutes=15)


class LinkWatch:
    """Hears of links on one thread, and raises and closes alerts on another, in the caller's transaction."""

    def __init__(self) -> None:
        self._heard: deque[tuple[str, bool]] = deque()
        self._gone: dict[str, datetime] = {}
        self._told: set[str] | None = None

    def hear(self, incoming: Incoming) -> None:
        """A box came or went; what is retained comes again with each new link to the broker."""
        device = parse_up_link(incoming.topic)
        if device is not None:
            self._heard.append((device, incoming.payload != LINK_GONE))

    def step(self, connection: sa.Connection, now: datetime) -> None:
        """Say what has become of the boxes that were heard of; a box that is not lent may be off."""
        told = _open(connection) if self._told is None else self._told
        back = {device for device in self._take(now) if device in told}
        late = {device for device, since in self._gone.items() if now - since >= PATIENCE}
        lent = _lent(connection, late | told)
        for device in back | (told - lent):
            close_alert(connection, device, Cause.LINK_LOST, now_ms=to_ms(now))
        told = (told & lent) - back
        for device in (late & lent) - told:
            since = f"not connected since {self._gone[device]:%Y-%m-%d %H:%M} UTC"
            raise_alert(connection, device, Cause.LINK_LOST, since, now_ms=to_ms(now))
        self._told = told | (late & lent)

    def _take(self, now: datetime) -> set[str]:
        """Note what was heard; returns who is there now."""
        there: set[str] = set()
        while self._heard:
            device, is_up = self._heard.popleft()
            if is_up:
                self._gone.pop(device, None)
                there.add(device)
            else:
                self._gone.setdefault(device, now)
                there.discard(device)
        return there


def _open(connection: sa.Connection) -> set[str]:
    return {one.device for one in open_alerts(connection) if one.cause is Cause.LINK_LOST}


def _lent(connection: sa.Connection, devices: set[str]) -> set[str]:
    loan = tables.loan
    if not devices:
        return set()
    active = sa.select(loan.c.device).where(
        loan.c.device.in_(devices), loan.c.state == LoanState.ACTIVE
    )
    return set(connection.execute(active).scalars())
