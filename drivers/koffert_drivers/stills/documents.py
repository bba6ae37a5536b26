"""PDF and TIFF pages, as a fax or a cart's printer gives them: shown, never measured from."""

from __future__ import annotations

import re

from koffert_drivers.stills.cursor import Cursor
from koffert_drivers.stills.errors import DamagedStill
from koffert_drivers.stills.records import Format, StillDocument

PDF_MAGIC, PDF_END = b"%PDF-", b"%%EOF"
PDF_END_WITHIN = 2048
PDF_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
TIFF_ORDERS = {b"II*\0": "little", b"MM\0*": "big"}
TIFF_ENTRY = 12
MOST_PAGES = 1000


def is_pdf(content: bytes) -> bool:
    """Tell whether the bytes begin as a PDF does."""
    return content.startswith(PDF_MAGIC)


def is_tiff(content: bytes) -> bool:
    """Tell whether the bytes begin as a TIFF does."""
    return content[:4] in TIFF_ORDERS


def read_pdf(content: bytes) -> StillDocument:
    """Describe a PDF; raises DamagedStill where its end is missing, as of a copy broken off."""
    if PDF_END not in content[-PDF_END_WITHIN:]:
        raise DamagedStill("the PDF has no end")
    pages = len(PDF_PAGE.findall(content))
    return StillDocument(format=Format.PDF, media_type="application/pdf", pages=pages or None)


def read_tiff(content: bytes) -> StillDocument:
    """Describe a TIFF: one directory is one page. Raises DamagedStill where the chain breaks."""
    big = TIFF_ORDERS[content[:4]] == "big"
    pages, seen = 0, set[int]()
    at = _number(content[4:8], big=big)
    while at:
        if at in seen or pages >= MOST_PAGES:
            raise DamagedStill("the TIFF's pages run in a circle")
        seen.add(at)
        entries = _number(Cursor(content[at : at + 2], "a TIFF directory").take(2), big=big)
        end = at + 2 + TIFF_ENTRY * entries
        at = _number(Cursor(content[end : end + 4], "a TIFF directory").take(4), big=big)
        pages += 1
    if pages == 0:
        raise DamagedStill("the TIFF holds no page")
    return StillDocument(format=Format.TIFF, media_type="image/tiff", pages=pages)


def _number(data: bytes, *, big: bool) -> int:
    return int.from_bytes(data, "big" if big else "little")
