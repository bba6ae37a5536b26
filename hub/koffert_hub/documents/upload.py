"""What a file that a person brings is, before it is taken in."""

from typing import NamedTuple

from koffert_drivers.stills.bundle import read_document
from koffert_drivers.stills.errors import StillError
from koffert_drivers.stills.records import Format, StillDocument

_OCTETS = "application/octet-stream"
_XML = "application/xml"
# What a program opens by itself; the others are told by their bytes.
_MEDIA_TYPES = {
    Format.DICOM: "application/dicom",
    Format.AECG: _XML,
    Format.LIFEPAK: _XML,
    Format.MUSE: _XML,
    Format.PHILIPS: _XML,
}


class Brought(NamedTuple):
    """A file that may be taken in."""

    kind: str
    media_type: str


class NotTaken(Exception):
    """The file is none that is kept; `reason` is the still's reason, as in `records.Reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inspect(content: bytes) -> Brought:
    """Tell the file's kind by its bytes; raises NotTaken."""
    try:
        read = read_document(content)
    except StillError as error:
        raise NotTaken(error.reason) from error
    if isinstance(read, StillDocument):
        return Brought(read.format.value, read.media_type)
    return Brought(read.format.value, _MEDIA_TYPES.get(read.format, _OCTETS))
