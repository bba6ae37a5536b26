"""The open alerts in memory, kept up by what has changed: what it costs does not grow with how many are open."""

from collections.abc import Collection, Iterable, Sequence
from threading import Lock
from typing import NamedTuple

import sqlalchemy as sa
from msgspec import structs

from koffert_hub.alerts import tables
from koffert_hub.alerts.card import Card, cards
from koffert_hub.alerts.history import Unconfirmed, unconfirmed
from koffert_hub.alerts.life import Life
from koffert_hub.alerts.records import CALL_BUTTON, NO_DATA, Alert
from koffert_hub.alerts.register import Row, open_rows, rows_changed_since
from koffert_hub.alerts.texts import in_nynorsk, without_rule
from koffert_hub.alerts.waiting import ward_alert
from koffert_hub.alerts.ward import WardAlert
from koffert_hub.database import reading as open_reading


class _Marks(NamedTuple):
    """What tells whether something changed: the newest step in an alert's life and whose it is, the newest card, how many are open."""

    change: int
    alert: str
    card: int
    open: int


_change = tables.alert_change.c
_NEWEST_CHANGE = sa.select(_change.id, _change.alert).order_by(_change.id.desc()).limit(1)
_REST = sa.select(
    sa.select(sa.func.coalesce(sa.func.max(tables.patient_card.c.id), 0)).scalar_subquery(),
    sa.select(sa.func.count())
    .select_from(tables.alert)
    .where(tables.alert.c.resolved_ms.is_(None))
    .scalar_subquery(),
)
_NONE = (0, "")


class Board:
    """What `open_alerts` of the ward looks at; `version` moves whenever that changes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = Lock()
        self._alerts: dict[str, WardAlert] = {}
        self._waiting: dict[str, list[WardAlert]] = {}
        self._cards: dict[str, Card | None] = {}
        self._marks = _Marks(*_NONE, 0, 0)
        self.open: tuple[WardAlert, ...] = ()
        self.version = 0
        self.read()

    def read(self) -> None:
        """Read every open alert."""
        with self._reading, open_reading(self._engine) as connection:
            self._read(connection)

    def follow(self, loans: Collection[str]) -> None:
        """These loans were judged: read what changed since, and what waits in them."""
        with self._reading, open_reading(self._engine) as connection:
            change, alert = connection.execute(_NEWEST_CHANGE).first() or _NONE
            self._read_changed(connection, self._marks._replace(change=change, alert=alert), loans)

    def look(self) -> None:
        """Time has passed: read what changed since, whoever changed it, and all that waits."""
        with self._reading, open_reading(self._engine) as connection:
            self._read_changed(connection, _marks(connection), None)
            if len(self._alerts) != self._marks.open:
                self._read(connection)

    def _read(self, connection: sa.Connection) -> None:
        self._marks = _marks(connection)
        self._alerts = {row.id: ward_row(row) for row in open_rows(connection)}
        self._waiting, self._cards = _by_loan(unconfirmed(connection)), {}
        self._show(connection)

    def _read_changed(
        self, connection: sa.Connection, now: _Marks, loans: Collection[str] | None
    ) -> None:
        """What waits is read of `loans`, or with None of all."""
        before, self._marks = self._marks, now
        # An erasure takes steps away, and their numbers are given again.
        renumbered = now.change == before.change and now.alert != before.alert
        if renumbered or now.change < before.change or now.card != before.card:
            self._read(connection)
            return
        changed = rows_changed_since(connection, before.change) if now != before else ()
        known = list(self._waiting) if loans is None else loans
        self._take(connection, changed, unconfirmed(connection, loans), known)

    def _take(
        self,
        connection: sa.Connection,
        changed: Sequence[Row],
        waiting: Iterable[Unconfirmed],
        loans: Iterable[str],
    ) -> None:
        """Put in what changed, and what waits now in place of what waited in `loans`."""
        found = _by_loan(waiting)
        before = {loan: self._waiting[loan] for loan in loans if loan in self._waiting}
        if not changed and found == before:
            return
        for row in changed:
            if row.life is Life.RESOLVED:
                self._alerts.pop(row.id, None)
            else:
                self._alerts[row.id] = ward_row(row)
        for loan in before:
            del self._waiting[loan]
        self._waiting |= found
        self._show(connection)

    def _show(self, connection: sa.Connection) -> None:
        """The alerts by how long they are open, then what waits."""
        found = sorted(self._alerts.values(), key=_age)
        found += sorted((one for each in self._waiting.values() for one in each), key=_age)
        unknown = {one.patient for one in found} - self._cards.keys()
        if unknown:
            held = cards(connection, unknown)
            self._cards |= {one: held[one].card if one in held else None for one in unknown}
        now_open = tuple(
            one if card is None else structs.replace(one, card=card)
            for one in found
            for card in (self._cards[one.patient],)
        )
        if now_open != self.open:
            self.open = now_open
            self.version += 1


def ward_row(row: Row) -> WardAlert:
    """A raised alert as the ward sees it."""
    return WardAlert(
        id=row.id,
        patient=row.patient,
        priority=row.priority,
        reason=_reason(row.alert),
        raised_ms=row.opened_ms,
        acknowledged_by=row.taken_name,
        acknowledged_ms=row.taken_ms,
        call=row.alert.cause == CALL_BUTTON,
        reminds=row.alert.cause == NO_DATA,
    )


def _reason(alert: Alert) -> dict[str, str]:
    """The sentences without their rule, which «Hvorfor?» tells: a row must be read at a glance."""
    whole = {"nb": alert.text_nb, "nn": in_nynorsk(alert), "en": alert.text_en}
    return {language: without_rule(text, alert) for language, text in whole.items()}


def _by_loan(waiting: Iterable[Unconfirmed]) -> dict[str, list[WardAlert]]:
    found: dict[str, list[WardAlert]] = {}
    for one in waiting:
        found.setdefault(one.loan, []).append(ward_alert(one))
    return found


def _marks(connection: sa.Connection) -> _Marks:
    change, alert = connection.execute(_NEWEST_CHANGE).first() or _NONE
    card, count = connection.execute(_REST).one()
    return _Marks(change, alert, card, count)


def _age(alert: WardAlert) -> tuple[int, str]:
    return alert.raised_ms, alert.id
