"""The competence base: who can what, where, until when and how to reach them. Everyone keeps the own entry.

The on-call list that an unanswered red alert goes along is the same entries, in their order.
"""

import re
from datetime import datetime
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub.alerts import roster
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.roster import RosterEntry
from koffert_hub.database import reading
from koffert_hub.provisioning.fleet import home_centre
from koffert_hub.registry import RegistryError
from koffert_hub.times import from_ms, to_ms
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import NotAllowed, Route
from koffert_hub.web.permissions import Permission

PLACES_IN_LINE = range(1, 10)
_MOST_SKILLS = 20
_SMS, _MAIL = "sms:", "mailto:"
_ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_NATIONAL = re.compile(r"\d{8}")
_INTERNATIONAL = re.compile(r"\+\d{7,15}")

Words = Annotated[str, Form(max_length=400)]


def staff_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    q: Annotated[str, Query(max_length=100)] = "",
    *,
    now: bool = False,
    problem: str = "",
) -> Response:
    """Who fits the search, those who are available now first, or with `now` alone; and the own entry to change."""
    now_ms = context.services.clock_ms()
    with reading(context.services.engine) as connection:
        try:
            centre = home_centre(connection, context.services.centre_name)
            known = roster.entries(connection, centre)
        except RegistryError:  # a hub that was never initialised has no centre, and nobody
            known = []
    own = next((one for one in known if one.username == session.username), None)
    return context.page(
        request,
        "staff.html",
        found=[one for one in roster.search(known, q, now_ms) if not now or one.available(now_ms)],
        line=[one.username for one in roster.on_call(known, now_ms)],
        own=own or RosterEntry(username=session.username, name=session.display_name),
        query=q,
        only_now=now,
        now_ms=now_ms,
        phone_of=phone_of,
        email_of=email_of,
        until=_written,
        places=PLACES_IN_LINE,
        problem=problem if problem in ("phone", "email", "until") else "",
    )


def keep_entry(
    *,
    context: Context,
    session: CurrentSession,
    skills: Words = "",
    place: Annotated[str, Form(max_length=100)] = "",
    phone: Annotated[str, Form(max_length=40)] = "",
    email: Annotated[str, Form(max_length=200)] = "",
    place_in_line: Annotated[str, Form(pattern="^[1-9]?$")] = "",
    available_until: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Write the own entry; nobody writes another's."""
    if session.station:
        raise NotAllowed
    number = _number(phone)
    if number is None:
        return _back("phone")
    address = email.strip()
    if address and not _ADDRESS.fullmatch(address):
        return _back("email")
    try:
        until_ms = _read(available_until)
    except ValueError:
        return _back("until")
    now_ms = context.services.clock_ms()
    named = [skill.strip() for skill in skills.split(",") if skill.strip()]
    with context.services.engine.begin() as connection:
        centre = home_centre(connection, context.services.centre_name)
        before = next(
            (o for o in roster.entries(connection, centre) if o.username == session.username), None
        )
        known = before.channels if before else ()
        others = [one for one in known if not one.startswith((_SMS, _MAIL))]
        written = [f"{_SMS}{number}"] * bool(number) + [f"{_MAIL}{address}"] * bool(address)
        entry = RosterEntry(
            username=session.username,
            name=session.display_name,
            skills=tuple(named[:_MOST_SKILLS]),
            place=place.strip(),
            place_in_line=int(place_in_line) if place_in_line else None,
            channels=(*written, *others),
            available_until_ms=until_ms,
        )
        roster.keep_entry(connection, centre, entry, by=session.username, now_ms=now_ms)
    context.access_log.record(session.username, Action.CHANGED_ROSTER, at_ms=now_ms)
    return _back()


def phone_of(entry: RosterEntry) -> str:
    """The telephone number of an entry; empty when it has none."""
    return _first(entry, _SMS)


def email_of(entry: RosterEntry) -> str:
    """The e-mail address of an entry; empty when it has none."""
    return _first(entry, _MAIL)


def _first(entry: RosterEntry, scheme: str) -> str:
    return next((one.removeprefix(scheme) for one in entry.channels if one.startswith(scheme)), "")


def _number(phone: str) -> str | None:
    """A number as it is dialled from anywhere; None when it is none."""
    bare = re.sub(r"[\s().-]", "", phone)
    if not bare:
        return ""
    if _NATIONAL.fullmatch(bare):
        return f"+47{bare}"
    return bare if _INTERNATIONAL.fullmatch(bare) else None


def _read(text: str) -> int | None:
    """A moment as a browser's field says it, on the clock in Oslo."""
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=OSLO)) if text else None


def _written(ms: int | None) -> str:
    return "" if ms is None else from_ms(ms).astimezone(OSLO).strftime("%Y-%m-%dT%H:%M")


def _back(problem: str = "") -> Response:
    return RedirectResponse(f"/staff?problem={problem}" if problem else "/staff", status_code=303)


ROUTES = (
    Route("GET", "/staff", staff_page, Permission.SEE_STAFF),
    Route("POST", "/staff/me", keep_entry, Permission.SEE_STAFF),
)
