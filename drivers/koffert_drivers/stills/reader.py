"""One door for every format: what the bytes are is told by the bytes, never by a file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from xml.etree.ElementTree import Element

from koffert_drivers.stills.aecg import read_aecg
from koffert_drivers.stills.dicom import is_dicom, read_dicom
from koffert_drivers.stills.documents import is_pdf, is_tiff, read_pdf, read_tiff
from koffert_drivers.stills.edf import is_edf, read_edf
from koffert_drivers.stills.errors import TooLarge, UnknownFormat
from koffert_drivers.stills.lifepak import read_lifepak
from koffert_drivers.stills.muse import read_muse
from koffert_drivers.stills.philips import read_philips
from koffert_drivers.stills.records import EcgStill, Format, StillDocument
from koffert_drivers.stills.scp import is_scp, read_scp
from koffert_drivers.stills.wfdb import is_wfdb, read_wfdb
from koffert_drivers.stills.xml import parse

# The largest sample is 1 MB; a scanned page of a fax may have ten.
LARGEST_FILE_BYTES = 32_000_000
NO_COMPANIONS: Mapping[str, bytes] = MappingProxyType({})
# XML begins with a bracket, after a byte order mark and white space if any, in 8 or 16 bits.
XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\0", b"\xfe\xff\0<")
WHITE = b" \t\r\n"


class _Binary(NamedTuple):
    format: Format
    matches: Callable[[bytes], bool]
    read: Callable[[bytes], EcgStill | StillDocument]


class _Xml(NamedTuple):
    format: Format
    root: str
    read: Callable[[Element], EcgStill]


# Asked in this order: what begins with a fixed word first, what is told by its shape last.
BINARIES: tuple[_Binary, ...] = (
    _Binary(Format.PDF, is_pdf, read_pdf),
    _Binary(Format.TIFF, is_tiff, read_tiff),
    _Binary(Format.DICOM, is_dicom, read_dicom),
    _Binary(Format.EDF, is_edf, read_edf),
    _Binary(Format.SCP_ECG, is_scp, read_scp),
)
XMLS: tuple[_Xml, ...] = (
    _Xml(Format.AECG, "AnnotatedECG", read_aecg),
    _Xml(Format.LIFEPAK, "ECGRecord", read_lifepak),
    _Xml(Format.MUSE, "RestingECG", read_muse),
    _Xml(Format.PHILIPS, "restingecgdata", read_philips),
)


def read_still(
    content: bytes, companions: Mapping[str, bytes] = NO_COMPANIONS
) -> EcgStill | StillDocument:
    """Read one file, whatever format it is in.

    `companions` are the other files of its folder that a WFDB header may name. Raises a StillError:
    UnknownFormat, DamagedStill, UnsupportedStill, IncompleteStill or TooLarge; nothing else.
    """
    if len(content) > LARGEST_FILE_BYTES:
        raise TooLarge(f"{len(content)} bytes")
    if _is_xml(content):
        return _read_xml(content)
    for binary in BINARIES:
        if binary.matches(content):
            return binary.read(content)
    if is_wfdb(content):
        return read_wfdb(content, companions)
    raise UnknownFormat("no format that is read here begins like this")


def _is_xml(content: bytes) -> bool:
    return content[:64].lstrip(WHITE).startswith(XML_STARTS)


def _read_xml(content: bytes) -> EcgStill:
    root = parse(content.lstrip(WHITE))
    for xml in XMLS:
        if root.tag == xml.root:
            return xml.read(root)
    raise UnknownFormat("XML of another kind")
