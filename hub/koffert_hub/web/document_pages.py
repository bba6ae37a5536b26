"""A patient's documents: the list, a still as a sheet, a page as it came; taking one in, and saying whose it is."""

from typing import Annotated

from fastapi import File, Form, HTTPException, Query, Request, UploadFile
from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from koffert_drivers.stills.reader import LARGEST_FILE_BYTES
from koffert_hub.database import reading
from koffert_hub.documents.dispatch import sent_of
from koffert_hub.documents.importing import import_document
from koffert_hub.documents.records import Document, NoSuchDocument, NothingToDecide, State
from koffert_hub.documents.store import decide, fetch_document, fetch_leads, list_documents
from koffert_hub.documents.upload import NotTaken, inspect
from koffert_hub.web import users
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.ecg_drawing import Gain, Layout, Pass, Setting, Sheet, Speed, draw
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_record, on_ward
from koffert_hub.web.permissions import Permission
from koffert_hub.web.spirometry_pages import fixed
from koffert_signal.ecg.electrodes import leads_off
from koffert_signal.ecg.quality import quality

# What a browser may open by itself; everything else is handed over to be saved.
OPENED = frozenset({"application/pdf"})
CHOICES = {"layout": Layout, "gain": Gain, "speed": Speed, "band": Pass}
_MOST_START_S = 3600.0
# Beside a call the newest still is shown; one that lies behind this many other papers is not of this visit.
_RECENT = 10

Start = Annotated[float, Query(ge=0, le=_MOST_START_S)]


class LeadNote(Struct, frozen=True):
    """How well one lead can be read, and why not better."""

    name: str
    percent: int
    reasons: tuple[str, ...]


def documents_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str,
    *,
    came: str = "",
    problem: str = "",
) -> Response:
    """The documents of a patient, the newest first; `came` was just brought and may not be filed yet."""
    row = on_record(context, patient)
    context.access_log.record(
        session.username, Action.SAW_DOCUMENTS, at_ms=context.services.clock_ms(), patient=patient
    )
    with reading(context.services.engine) as connection:
        lines = list_documents(connection, patient)
        sent = sent_of(connection, patient)
    return context.patient_page(
        request,
        "documents.html",
        row,
        lines=lines,
        sent=sent,
        units=context.services.receiving_units,
        now_ms=context.services.clock_ms(),
        waiting=bool(came) and came not in {line.id for line in lines},
        problem=problem
        if f"documents.reason.{problem}" in context.catalogue(request).texts
        else "",
    )


def bring_document(
    context: Context,
    session: CurrentSession,
    patient: str,
    file: Annotated[UploadFile, File()],
) -> Response:
    """Take in a still that came another way."""
    on_ward(context, patient)
    path, now_ms = f"/patients/{patient}/documents", context.services.clock_ms()
    content = file.file.read(LARGEST_FILE_BYTES + 1)
    try:
        brought = inspect(content)
    except NotTaken as error:
        return RedirectResponse(f"{path}?problem={error.reason}", status_code=303)
    with context.services.engine.begin() as connection:
        came = import_document(
            connection,
            patient,
            content,
            kind=brought.kind,
            media_type=brought.media_type,
            now_ms=now_ms,
        )
    context.access_log.record(
        session.username, Action.BROUGHT_DOCUMENT, at_ms=now_ms, patient=patient, detail=came
    )
    return RedirectResponse(f"{path}?came={came}", status_code=303)


def document_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str,
    document: str,
    *,
    layout: Layout = Layout.THREE_BY_FOUR,
    gain: Gain = Gain.STANDARD,
    speed: Speed = Speed.STANDARD,
    band: Pass = Pass.DIAGNOSTIC,
    start: Start = 0.0,
) -> Response:
    """A still as the standard sheet, another document by name; one that is held, as a question whose it is."""
    row = on_record(context, patient)
    found = of(context, patient, document)
    _seen(context, session.username, found)
    setting = Setting(layout=layout, gain=gain, speed=speed, band=band, start_s=start)
    filed = found.line.state is State.FILED
    sheet, leads = drawn(context, found, setting) if filed else (None, ())
    with reading(context.services.engine) as connection:
        sent = [one for one in sent_of(connection, patient) if one.document == document]
        staffed = users.units_staffed(connection)
    return context.patient_page(
        request,
        "document.html",
        row,
        line=found.line,
        summary=found.summary,
        sheet=sheet,
        leads=leads,
        setting=setting,
        choices=CHOICES,
        opened=found.line.media_type in OPENED,
        fixed=fixed,
        sent=sent,
        units=context.services.receiving_units,
        staffed=staffed,
        now_ms=context.services.clock_ms(),
    )


def newest_ecg(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str,
    known: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The newest filed still as a part of the call's page; 204 when there is none, or the page has it."""
    row = on_ward(context, patient)
    with reading(context.services.engine) as connection:
        lines = list_documents(connection, patient, State.FILED)
    setting = Setting()
    for line in lines[:_RECENT]:
        if line.id == known:
            break
        found = of(context, patient, line.id)
        sheet, _ = drawn(context, found, setting)
        if sheet is not None:
            _seen(context, session.username, found)
            return context.patient_page(
                request,
                "call_ecg.html",
                row,
                line=line,
                summary=found.summary,
                sheet=sheet,
                setting=setting,
                fixed=fixed,
            )
    return Response(status_code=204)


def document_file(
    context: Context, session: CurrentSession, patient: str, document: str
) -> Response:
    """The document as it came."""
    on_record(context, patient)
    found = of(context, patient, document)
    if found.line.state is not State.FILED:
        raise HTTPException(404)
    _seen(context, session.username, found)
    return handed_out(found)


def decide_document(
    context: Context,
    session: CurrentSession,
    patient: str,
    document: str,
    theirs: Annotated[bool, Form()],
) -> Response:
    """Say whether a held document is this patient's."""
    on_ward(context, patient)
    found, now_ms = of(context, patient, document), context.services.clock_ms()
    try:
        with context.services.engine.begin() as connection:
            decide(connection, found.line.id, is_theirs=theirs, by=session.username, now_ms=now_ms)
    except NothingToDecide as error:
        raise HTTPException(409) from error
    context.access_log.record(
        session.username,
        Action.DECIDED_DOCUMENT,
        at_ms=now_ms,
        patient=patient,
        detail=f"{found.line.id}: {'filed' if theirs else 'rejected'}",
    )
    return RedirectResponse(f"/patients/{patient}/documents", status_code=303)


def of(context: WebContext, patient: str, document: str) -> Document:
    """A document of this patient; 404 for any other."""
    try:
        with reading(context.services.engine) as connection:
            found = fetch_document(connection, document)
    except NoSuchDocument as error:
        raise HTTPException(404) from error
    if found.line.patient != patient:
        raise HTTPException(404)
    return found


def handed_out(found: Document) -> Response:
    """The file byte for byte; only what a browser can show without running it is opened in it."""
    opened = found.line.media_type in OPENED
    place = "inline" if opened else "attachment"
    return Response(
        found.content,
        media_type=found.line.media_type if opened else "application/octet-stream",
        headers={"Content-Disposition": f'{place}; filename="{found.line.id}.{_ending(found)}"'},
    )


def _seen(context: WebContext, username: str, found: Document) -> None:
    context.access_log.record(
        username,
        Action.SAW_DOCUMENT,
        at_ms=context.services.clock_ms(),
        patient=found.line.patient,
        detail=found.line.id,
    )


def drawn(
    context: WebContext, found: Document, setting: Setting
) -> tuple[Sheet | None, tuple[LeadNote, ...]]:
    """The sheet of a still, and how well each lead can be read; nothing for what is no still."""
    if found.summary is None or found.summary.rate_hz is None:
        return None, ()
    rate_hz = found.summary.rate_hz
    with reading(context.services.engine) as connection:
        leads = fetch_leads(connection, found.line.id)
    judged = [quality(lead.microvolts(), rate_hz) for lead in leads]
    off = leads_off([lead.name for lead in leads], judged)
    notes = tuple(
        LeadNote(lead.name, round(100 * one.score), ("off",) if lead.name in off else one.reasons)
        for lead, one in zip(leads, judged, strict=True)
    )
    return draw(leads, rate_hz, setting), notes


def _ending(found: Document) -> str:
    return {"application/pdf": "pdf", "image/tiff": "tiff", "application/xml": "xml"}.get(
        found.line.media_type, "bin"
    )


_ONE = "/patients/{patient}/documents/{document}"
ROUTES = (
    Route("GET", "/patients/{patient}/documents", documents_page, Permission.SEE_PATIENT),
    Route("POST", "/patients/{patient}/documents", bring_document, Permission.WRITE_RECORD),
    Route("GET", _ONE, document_page, Permission.SEE_PATIENT),
    Route("GET", f"{_ONE}/file", document_file, Permission.SEE_PATIENT),
    Route("GET", "/patients/{patient}/call/ecg", newest_ecg, Permission.SEE_PATIENT),
    Route("POST", f"{_ONE}/decision", decide_document, Permission.WRITE_RECORD),
)
