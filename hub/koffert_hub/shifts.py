"""Handing a shift over: what the next one must know, and who took it; in the caller's transaction."""

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import registry
from koffert_hub.alerts.history import Unconfirmed, unconfirmed
from koffert_hub.alerts.life import Action, Life, WrongLife
from koffert_hub.alerts.register import NoSuchAlert, Row, change, open_rows
from koffert_hub.live import Mark
from koffert_hub.registry import WardPlace
from koffert_hub.web.tables import shift_change

_UNTAKEN = frozenset({Life.OPEN, Life.AUDIO_PAUSED})


class Handed(Struct, frozen=True):
    """Somebody took a shift over."""

    at_ms: int
    display_name: str
    note: str


class Standing(Struct, frozen=True, kw_only=True):
    """What is going on when a shift changes; `names` says whom a key stands for."""

    names: dict[str, str]
    untaken: list[Row]
    snoozed: list[Row]
    taken: list[Row]
    awaited: list[Unconfirmed]
    paused: list[WardPlace]
    last: Handed | None


def standing(connection: sa.Connection) -> Standing:
    """Everything that the one who comes must know."""
    ward = registry.ward(connection)
    rows = open_rows(connection)
    return Standing(
        names={place.patient: place.display_name for place in ward},
        untaken=[row for row in rows if row.life in _UNTAKEN],
        snoozed=[row for row in rows if row.life is Life.SNOOZED],
        taken=[row for row in rows if row.life is Life.ACKNOWLEDGED],
        awaited=unconfirmed(connection),
        paused=[place for place in ward if Mark.PAUSED in place.marks],
        last=_last(connection),
    )


def take_over(
    connection: sa.Connection, username: str, display_name: str, note: str, *, now_ms: int
) -> int:
    """The shift is now this person's, with every alert that somebody had taken; returns how many."""
    connection.execute(
        shift_change.insert().values(
            at_ms=now_ms, username=username, display_name=display_name, note=note
        )
    )
    count = 0
    for row in standing(connection).taken:
        try:
            change(
                connection,
                row.id,
                Action.HAND_OVER,
                at_ms=now_ms,
                by=username,
                name=display_name,
                note=note or None,
            )
        except (NoSuchAlert, WrongLife):  # it was resolved at this moment
            continue
        count += 1
    return count


def _last(connection: sa.Connection) -> Handed | None:
    table = shift_change
    row = connection.execute(
        sa.select(table.c.at_ms, table.c.display_name, table.c.note)
        .order_by(table.c.id.desc())
        .limit(1)
    ).first()
    return None if row is None else Handed(*row)
