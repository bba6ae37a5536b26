"""What `koffert device` shows: codes with their QR, tables of at most 100 columns, check lists."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import segno
from rich import box as boxes
from rich.console import Console
from rich.table import Table

from koffert_hub.provisioning.fleet import BoxInfo, BoxState, Item
from koffert_hub.provisioning.revocation import Enforcement
from koffert_hub.times import from_ms
from koffert_wire.enrolment import EnrolmentCode, in_groups
from koffert_wire.private_files import replace_private

TABLE_COLUMNS = 100
# A module of the PNG's QR in pixels: 5 cm on paper at 300 dpi.
_PNG_SCALE = 12

# What a person does for each item.
INSTRUCTIONS: dict[Item, str] = {
    Item.CONTENTS: "all parts are in the case",
    Item.CLEANED: "the case and every part are disinfected, mouthpieces thrown away",
    Item.CALIBRATION: "spirometer checked with the 3 L syringe, oximeter on yourself",
    Item.BATTERIES: "new batteries in the meters, the box charged",
    Item.METER_MEMORIES: "the meters' own memories are cleared",
    Item.WIPED: "on the box: koffert agent wipe --report FILE",
}

# What a revocation has come to at the broker.
ENFORCEMENT: dict[Enforcement, str] = {
    Enforcement.IN_FORCE: "The broker refuses it, and its link has been ended.",
    Enforcement.BROKER_DOWN: "The broker is not running; it will refuse the box from its start on.",
    Enforcement.NOT_CONFIRMED: "The hub takes nothing of it any more.",
}


def code_record(device: str, code: EnrolmentCode, expires: datetime) -> dict[str, object]:
    """The code for a program."""
    return {
        "device": device,
        "code": code.text(),
        "expires_at": expires,
        "authority_sha256": code.fingerprint.hex(),
    }


def code_lines(device: str, code: EnrolmentCode, expires: datetime) -> list[str]:
    """The code for people: to scan, to copy, to read aloud."""
    picture = io.StringIO()
    _qr(code).terminal(picture, compact=True)
    return [
        picture.getvalue().rstrip("\n"),
        f"Box      {device}",
        f"Code     {code.text()}",
        f"Token    {in_groups(code.token)}",
        f"Valid    once, until {expires.astimezone():%Y-%m-%d %H:%M}",
        "Next     on the box: koffert agent enrol CODE",
    ]


def write_png(path: Path, code: EnrolmentCode) -> None:
    """The QR as a picture that only its owner may read: it holds the token."""
    picture = io.BytesIO()
    _qr(code).save(picture, kind="png", scale=_PNG_SCALE)
    replace_private(path, picture.getvalue())


def box_table(found: Sequence[BoxInfo]) -> str:
    """All boxes, one line each."""
    if not found:
        return "No boxes yet: koffert device add DEVICE\n"
    table = Table(box=boxes.SIMPLE_HEAD, pad_edge=False)
    table.add_column("box", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("patient", no_wrap=True)
    table.add_column("certificate until", no_wrap=True)
    table.add_column("label, what is open", overflow="ellipsis", no_wrap=True)
    for info in found:
        table.add_row(
            info.device,
            info.state.value,
            _patient(info),
            _day(info.certificate_expires_ms),
            ", ".join(filter(None, (info.label, *_open(info)))),
        )
    text = io.StringIO()
    Console(file=text, width=TABLE_COLUMNS, color_system=None).print(table)
    return "".join(line.rstrip() + "\n" for line in text.getvalue().splitlines() if line.strip())


def box_lines(info: BoxInfo) -> list[str]:
    """One box."""
    told = {None: "nothing", True: "yes", False: "not yet; it is told when it calls"}
    return [
        f"box          {info.device}" + (f"   {info.label}" if info.label else ""),
        f"state        {info.state}",
        f"loan         {info.loan or '-'}" + (f" ({info.loan_state})" if info.loan_state else ""),
        f"patient      {_patient(info)}",
        f"certificate  until {_day(info.certificate_expires_ms)}",
        f"box knows    {told[info.state_followed]}",
        *(
            [f"open         {', '.join(info.open_items)}"]
            if info.state is BoxState.RETURNED
            else []
        ),
    ]


def checklist_lines(info: BoxInfo) -> list[str]:
    """What is done and what is open before the next loan."""
    lines = [f"{info.device}: loan {info.loan} has ended"]
    for item in Item:
        mark = " " if item in info.open_items else "x"
        lines.append(f"  [{mark}] {item.value:15} {INSTRUCTIONS[item]}")
    return [*lines, _next_step(info)]


def _next_step(info: BoxInfo) -> str:
    if not info.open_items:
        return f"Ready. Next: koffert device lend {info.device} --patient KEY"
    item = info.open_items[0]
    option = "--wipe-report FILE" if item is Item.WIPED else f"--done {item.value}"
    return f"Next: koffert device return {info.device} {option}"


def _qr(code: EnrolmentCode) -> segno.QRCode:
    return segno.make_qr(code.text(), error="m", boost_error=False)


def _patient(info: BoxInfo) -> str:
    return info.patient if info.patient and info.state is BoxState.LENT else "-"


def _open(info: BoxInfo) -> list[str]:
    if info.state is BoxState.RETURNED:
        return [f"open: {', '.join(info.open_items)}"]
    return ["not yet told"] if info.state_followed is False else []


def _day(at_ms: int | None) -> str:
    return "-" if at_ms is None else f"{from_ms(at_ms).astimezone():%Y-%m-%d}"
