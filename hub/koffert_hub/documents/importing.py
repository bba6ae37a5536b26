"""A document that came another way: it enters by the log as well, so that a rebuild has it too."""

import os
from collections.abc import Callable

import sqlalchemy as sa

from koffert_hub.documents.projection import document_id
from koffert_hub.local_messages import file_message, instant
from koffert_wire.documents import MAX_DOCUMENT_BYTES, split
from koffert_wire.identifiers import uuid7

DETAIL = "import"
_NS_PER_MS = 1_000_000
_UUID_RANDOM_BYTES = 10


def import_document(
    connection: sa.Connection,
    patient: str,
    content: bytes,
    *,
    kind: str,
    media_type: str,
    now_ms: int,
    random: Callable[[int], bytes] = os.urandom,
) -> str:
    """Log and keep a document of a patient; return the id that it will be filed under.

    Raises RegistryError where there is no such patient. The projection reads it as any other.
    """
    (part,) = split(
        content,
        at=instant(now_ms, now_ms),
        kind=kind,
        media_type=media_type,
        new_id=lambda: uuid7(now_ms * _NS_PER_MS, random(_UUID_RANDOM_BYTES)),
        part_bytes=MAX_DOCUMENT_BYTES,
    )
    file_message(
        connection,
        patient,
        part,
        size_bytes=len(content),
        detail=DETAIL,
        now_ms=now_ms,
        random=random,
    )
    return document_id(patient, part.sha256)
