"""Who can be reached: the on-call roster, which everyone keeps current for themselves."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.alerts import tables
from koffert_hub.database import upserts

_ENCODE = msgspec.msgpack.Encoder().encode
_KEEP = upserts(tables.roster_entry, ("centre", "entry", "changed_ms"))


class RosterEntry(Struct, frozen=True, kw_only=True):
    """One person: skills and place to be found by, and how to be reached until when.

    `place_in_line` orders the on-call list; `channels` are used all at once, as `sms:+4700000000`,
    `mailto:…` or `webhook:name`.
    """

    username: str
    name: str
    skills: tuple[str, ...] = ()
    place: str = ""
    place_in_line: int | None = None
    channels: tuple[str, ...] = ()
    available_from_ms: int = 0
    available_until_ms: int | None = None

    def available(self, at_ms: int) -> bool:
        """Whether the person said to be reachable at this moment."""
        until_ms = self.available_until_ms
        return self.available_from_ms <= at_ms and (until_ms is None or at_ms < until_ms)


_ENTRY = msgspec.msgpack.Decoder(RosterEntry)


def keep_entry(
    connection: sa.Connection, centre: str, entry: RosterEntry, *, by: str, now_ms: int
) -> None:
    """Write the own entry; raises PermissionError for anyone else's."""
    if by != entry.username:
        raise PermissionError("everyone keeps the own entry")
    values = {
        "username": entry.username,
        "centre": centre,
        "entry": _ENCODE(entry),
        "changed_ms": now_ms,
    }
    connection.execute(_KEEP[connection.dialect.name], values)


def entries(connection: sa.Connection, centre: str) -> list[RosterEntry]:
    """Everyone of a centre, by name."""
    table = tables.roster_entry
    rows = connection.execute(sa.select(table.c.entry).where(table.c.centre == centre)).scalars()
    return sorted((_ENTRY.decode(row) for row in rows), key=lambda entry: entry.name)


def on_call(known: Sequence[RosterEntry], at_ms: int) -> list[RosterEntry]:
    """Who is rung, first to last, at this moment."""
    reachable = [one for one in known if one.available(at_ms) and one.channels]
    in_line = [one for one in reachable if one.place_in_line is not None]
    return sorted(in_line, key=lambda one: (one.place_in_line or 0, one.username))


def search(known: Sequence[RosterEntry], text: str, at_ms: int) -> list[RosterEntry]:
    """Who matches every word in name, skill or place; those who are available first."""
    words = text.casefold().split()

    def matches(one: RosterEntry) -> bool:
        haystack = " ".join((one.name, *one.skills, one.place)).casefold()
        return all(word in haystack for word in words)

    return sorted(filter(matches, known), key=lambda one: (not one.available(at_ms), one.name))
