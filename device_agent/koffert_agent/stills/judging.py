"""Looks into a file and says what it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from koffert_agent.stills.verdict import Damaged, Leave, Take, Verdict, Wait
from koffert_drivers.stills.bundle import MEDIA_TYPE, bundle
from koffert_drivers.stills.dicom import is_dicom
from koffert_drivers.stills.errors import (
    DamagedStill,
    IncompleteStill,
    StillError,
    UnsupportedStill,
)
from koffert_drivers.stills.reader import read_still
from koffert_drivers.stills.records import Format, StillDocument

_LOG = logging.getLogger(__name__)

_OCTETS = "application/octet-stream"
# What a browser or a person's program opens by itself; the others are told by their bytes.
_MEDIA_TYPES = {
    Format.DICOM: "application/dicom",
    Format.AECG: "application/xml",
    Format.LIFEPAK: "application/xml",
    Format.MUSE: "application/xml",
    Format.PHILIPS: "application/xml",
}
# The bytes are sound and no still, as far as is known here: the centre keeps them as a document.
_UNSUPPORTED = "unsupported"

# The content of a file beside the one that is looked at; None when it is not there or still changes.
Beside = Callable[[str], bytes | None]


def judge(path: Path, content: bytes, beside: Beside) -> Verdict:
    """Look into a file; DICOM is read at the centre, which has the library for it."""
    try:
        return _taken(path, content, beside)
    except DamagedStill as error:
        return Damaged(f"{error.reason}: {error}")
    except UnsupportedStill:
        return Take(content, _UNSUPPORTED, _OCTETS)
    except IncompleteStill:
        return Wait()
    except StillError as error:
        return Leave(error.reason)
    except Exception as error:  # noqa: BLE001 - one file must never keep the box from all others
        # Its message may quote the file. The centre keeps what it cannot read.
        _LOG.error("a reader of stills failed: %s", type(error).__name__)
        return Take(content, _UNSUPPORTED, _OCTETS)


def _taken(path: Path, content: bytes, beside: Beside) -> Take:
    if is_dicom(content):
        return Take(content, Format.DICOM.value, _MEDIA_TYPES[Format.DICOM])
    try:
        still = read_still(content)
    except IncompleteStill as error:
        companions = _companions(error.missing, beside)
        still = read_still(content, companions)
        together = bundle(path.name, content, companions)
        return Take(together, still.format.value, MEDIA_TYPE, tuple(companions))
    if isinstance(still, StillDocument):
        return Take(content, still.format.value, still.media_type)
    return Take(content, still.format.value, _MEDIA_TYPES.get(still.format, _OCTETS))


def _companions(names: tuple[str, ...], beside: Beside) -> dict[str, bytes]:
    """Files of the same folder alone, whatever the header says."""
    plain = (name for name in names if Path(name).name == name)
    return {name: content for name in plain if (content := beside(name)) is not None}
