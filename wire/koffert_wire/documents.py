"""A document on its way: cut into small parts at one end, put together and proven at the other.

It is packed as a whole before it is cut: an aECG of 505 kB becomes 82 kB, where parts packed one by one
would be 116 kB.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import zstandard

from koffert_wire.messages import DocumentCodec, DocumentPart, Instant

# With header, seal and stamp a part stays under the 4 kB that bulk travels in.
PART_BYTES = 3_500
# A still of 32 MB, and room for what a bundle of files adds.
MAX_DOCUMENT_BYTES = 33_000_000
_ID_BYTES = 16


class DamagedDocument(Exception):
    """The parts do not make the document that they say they are of."""


def split(
    content: bytes,
    *,
    at: Instant,
    kind: str,
    media_type: str,
    new_id: Callable[[], bytes],
    part_bytes: int = PART_BYTES,
) -> Iterator[DocumentPart]:
    """The parts of `content`, which must not be empty; the same content gives the same document id."""
    codec, packed = _pack(content)
    document, digest = sha256(packed).digest()[:_ID_BYTES], sha256(content).digest()
    total = -(-len(packed) // part_bytes)
    for index in range(total):
        yield DocumentPart(
            id=new_id(),
            at=at,
            document=document,
            index=index,
            total=total,
            sha256=digest,
            size_bytes=len(content),
            media_type=media_type,
            kind=kind,
            codec=codec,
            content=packed[index * part_bytes : (index + 1) * part_bytes],
        )


def join(parts: Sequence[DocumentPart]) -> bytes:
    """The document of all its parts, in any order; raises DamagedDocument."""
    in_order = sorted(parts, key=lambda part: part.index)
    first = in_order[0]
    if [part.index for part in in_order] != list(range(first.total)):
        raise DamagedDocument("parts are missing")
    content = _unpack(first, b"".join(part.content for part in in_order))
    if len(content) != first.size_bytes or sha256(content).digest() != first.sha256:
        raise DamagedDocument("its hash is another one")
    return content


def _pack(content: bytes) -> tuple[DocumentCodec, bytes]:
    packed = zstandard.ZstdCompressor().compress(content)
    if len(packed) < len(content):
        return DocumentCodec.ZSTD, packed
    return DocumentCodec.PLAIN, content


def _unpack(part: DocumentPart, packed: bytes) -> bytes:
    if part.size_bytes > MAX_DOCUMENT_BYTES:
        raise DamagedDocument(f"{part.size_bytes} bytes, at most {MAX_DOCUMENT_BYTES}")
    if part.codec is DocumentCodec.PLAIN:
        return packed
    try:
        if zstandard.frame_content_size(packed) != part.size_bytes:
            raise DamagedDocument("it unpacks to another size")
        return zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise DamagedDocument("it does not unpack") from error
