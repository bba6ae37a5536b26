"""A still in several files as one document: an uncompressed zip whose first entry is the one to read.

Its bytes follow from the files alone, so the same files are the same document; a person can open it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from koffert_drivers.stills.errors import DamagedStill, TooLarge
from koffert_drivers.stills.reader import LARGEST_FILE_BYTES, read_still
from koffert_drivers.stills.records import EcgStill, StillDocument

MEDIA_TYPE = "application/zip"
_MAGIC = b"PK\x03\x04"
# The header and the signal files of one recording.
_MOST_FILES = 40


def bundle(name: str, content: bytes, companions: Mapping[str, bytes]) -> bytes:
    """The file called `name` and those that it needs, as one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for entry, data in ((name, content), *sorted(companions.items())):
            archive.writestr(zipfile.ZipInfo(entry), data)
    return made.getvalue()


def read_document(content: bytes) -> EcgStill | StillDocument:
    """Read one file or a bundle; raises a StillError and nothing else."""
    if not content.startswith(_MAGIC):
        return read_still(content)
    first, *others = _unbundle(content)
    return read_still(first[1], dict(others))


def _unbundle(content: bytes) -> list[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if not 0 < len(entries) <= _MOST_FILES:
                raise DamagedStill("a bundle of no or too many files")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise DamagedStill("a bundle is not compressed")
            if sum(entry.file_size for entry in entries) > LARGEST_FILE_BYTES:
                raise TooLarge("the files of a bundle")
            return [(entry.filename, archive.read(entry)) for entry in entries]
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise DamagedStill("a bundle that does not open") from error
