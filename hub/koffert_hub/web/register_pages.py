"""The register of transmissions: the table, one record, its check, exports, and the search by name."""

from typing import Annotated

import msgspec
from fastapi import Form, HTTPException, Path, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from koffert_hub.log_export import Span
from koffert_hub.log_record import Direction, Event, Result
from koffert_hub.log_search import Page
from koffert_hub.web import register
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission
from koffert_hub.web.register import LogSource
from koffert_hub.web.register_filter import BadFilter, RegisterFilter, parse_filter, parse_sequence
from koffert_hub.web.session import Session

# What a transmission may hold, as its header names it.
CONTENTS = (
    "reading",
    "waveform",
    "diary",
    "spirometry",
    "attempt",
    "call-button",
    "message-read",
    "sensor-state",
    "hello",
    "dropped",
    "quarantined",
    "state-applied",
    "certificate-request",
)
_FORMATS = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
_MAX_SEQUENCE = 10**18
_MAX_NAME = 200
_MIN_REASON, _MAX_REASON = 5, 500

Sequence = Annotated[int, Path(ge=1, le=_MAX_SEQUENCE)]


def first_log(context: Context) -> Response:
    """To the one register, or the first of many."""
    sources = context.services.logs
    if not sources:
        raise HTTPException(404)
    return RedirectResponse(f"/log/{sources[0].name}", status_code=303)


def log_page(
    request: Request, context: Context, session: CurrentSession, hub: str, before: str = ""
) -> Response:
    """The newest records that the filter lets through; the script adds those that come."""
    source, wanted = _source(context, hub), _filter(request)
    page, last = _find(source, wanted, before=before)
    _note(context, session, Action.SAW_LOG, wanted.patient)
    return context.page(
        request,
        "log.html",
        source=source,
        sources=[(one, register.about_hub(one)) for one in context.services.logs],
        wanted=wanted,
        records=page.records,
        older=page.before,
        last=last,
        is_newest=not before,
        choices={
            "direction": [one.value for one in Direction],
            "event": [one.value for one in Event],
            "content": CONTENTS,
            "result": [one.value for one in Result],
        },
    )


def new_records(request: Request, context: Context, hub: str, after: str = "") -> Response:
    """What came after record `after`, the newest first; with `last`, from which to ask on.

    `more` says that there was more than one answer holds: load the page again.
    """
    source = _source(context, hub)
    page, last = _find(source, _filter(request), after=after)
    content = {
        "records": page.records,
        "last": last,
        "more": page.before is not None,
        "server_ms": context.services.clock_ms(),
        "alarms": [alert.cause for alert in register.about_hub(source)],
    }
    return Response(msgspec.json.encode(content), media_type="application/json")


def record_page(
    *,
    request: Request,
    context: Context,
    session: CurrentSession,
    hub: str,
    sequence: Sequence,
    check: bool = False,
) -> Response:
    """One record; with `check`, what verifying the chain and the signed heads around it found."""
    source = _source(context, hub)
    found = register.find_record(source, sequence)
    if found is None:
        raise HTTPException(404)
    action = Action.CHECKED_RECORD if check else Action.SAW_RECORD
    _note(context, session, action, found.record.patient or "")
    return context.page(
        request,
        "record.html",
        source=source,
        found=found,
        fields=msgspec.to_builtins(found.record),
        checked=register.check_record(source, sequence) if check else None,
    )


def export(
    *,
    request: Request,
    context: Context,
    session: CurrentSession,
    hub: str,
    kind: str,
    first: str = "",
    last: str = "",
) -> Response:
    """The log of a time, or the records `first` to `last`, as JSON Lines that verify offline or as CSV.

    `X-Koffert-Records` says how many records come. Other filters do not apply: with gaps nothing verifies.
    """
    source = _source(context, hub)
    if kind not in _FORMATS:
        raise HTTPException(404)
    chosen = _span(source, _filter(request), first, last)
    _note(context, session, Action.EXPORTED_LOG, "")
    name = f"{source.name}-{chosen.after.sequence + 1}-{chosen.last}.{kind}"
    return StreamingResponse(
        register.export_lines(source, chosen, as_csv=kind == "csv"),
        media_type=_FORMATS[kind],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Koffert-Records": str(max(chosen.last - chosen.after.sequence, 0)),
        },
    )


def search_by_name(
    *,
    request: Request,
    context: Context,
    session: CurrentSession,
    hub: str,
    name: Annotated[str, Form(min_length=1, max_length=_MAX_NAME)],
    reason: Annotated[str, Form(min_length=_MIN_REASON, max_length=_MAX_REASON)],
) -> Response:
    """Whose transmissions are those of this name: asked with a reason, which is on record first.

    The name is in no address and comes back nowhere; who shares it is told apart by suitcase.
    """
    source = _source(context, hub)
    if not source.knows_names or len(reason.strip()) < _MIN_REASON:
        raise HTTPException(404 if not source.knows_names else 400)
    found = register.suitcases_of_name(source, name)
    for patient in found or ("",):
        _note(context, session, Action.SEARCHED_NAME, patient, detail=reason.strip())
    if len(found) == 1:
        return RedirectResponse(f"/log/{hub}?patient={next(iter(found))}", status_code=303)
    return context.page(request, "log_names.html", source=source, found=found)


def _source(context: WebContext, name: str) -> LogSource:
    source = next((one for one in context.services.logs if one.name == name), None)
    if source is None:
        raise HTTPException(404)
    return source


def _filter(request: Request) -> RegisterFilter:
    return parse_filter(request.query_params)


def _find(
    source: LogSource, wanted: RegisterFilter, *, after: str = "", before: str = ""
) -> tuple[Page, int]:
    try:
        query = wanted.query(after=parse_sequence(after), before=parse_sequence(before))
    except BadFilter as error:
        raise HTTPException(400) from error
    return register.find_page(source, query)


def _span(source: LogSource, wanted: RegisterFilter, first: str, last: str) -> Span:
    try:
        numbers = parse_sequence(first), parse_sequence(last)
        if numbers[0] and numbers[1]:
            return register.span_between(source, numbers[0] - 1, numbers[1])
        return register.export_span(source, wanted.from_ms, wanted.until_ms)
    except BadFilter as error:
        raise HTTPException(400) from error


def _note(
    context: WebContext, session: Session, action: Action, patient: str, detail: str | None = None
) -> None:
    at_ms = context.services.clock_ms()
    context.access_log.record(
        session.username, action, at_ms=at_ms, patient=patient or None, detail=detail
    )


ROUTES = (
    Route("GET", "/log", first_log, Permission.SEE_LOG),
    Route("GET", "/log/{hub}", log_page, Permission.SEE_LOG),
    Route("GET", "/log/{hub}/records/{sequence}", record_page, Permission.SEE_LOG),
    Route("GET", "/log/{hub}/export.{kind}", export, Permission.SEE_LOG),
    Route("POST", "/log/{hub}/name", search_by_name, Permission.SEARCH_NAME),
    Route("GET", "/api/v1/log/{hub}", new_records, Permission.SEE_LOG),
)
