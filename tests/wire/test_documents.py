"""A document cut into parts comes together again, or is refused."""

import itertools
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_wire import documents
from koffert_wire.documents import PART_BYTES, DamagedDocument, join, split
from koffert_wire.messages import DocumentPart, Message, decode_messages, encode_messages
from tests.wire.test_envelope import AT

NOISE = Random(1).randbytes(3 * PART_BYTES + 1)  # noqa: S311 - noise, not a secret


def parts_of(content: bytes, part_bytes: int = PART_BYTES) -> list[DocumentPart]:
    numbers = itertools.count()
    return list(
        split(
            content,
            at=AT,
            kind="scp-ecg",
            media_type="application/octet-stream",
            new_id=lambda: next(numbers).to_bytes(16),
            part_bytes=part_bytes,
        )
    )


@given(st.binary(min_size=1, max_size=500), st.integers(1, 60), st.randoms())
def test_any_order_gives_the_document(content: bytes, part_bytes: int, chance: Random) -> None:
    parts = parts_of(content, part_bytes)
    chance.shuffle(parts)
    assert join(parts) == content


def test_what_does_not_compress_travels_plain_in_small_parts() -> None:
    messages: list[Message] = list(parts_of(NOISE))
    assert len(messages) == 4
    assert decode_messages(encode_messages(messages)) == messages
    assert max(len(encode_messages([message])) for message in messages) < 3_700


def test_the_same_content_is_the_same_document() -> None:
    assert {part.document for part in parts_of(NOISE) + parts_of(NOISE)} == {
        parts_of(NOISE)[0].document
    }
    assert parts_of(NOISE[1:])[0].document != parts_of(NOISE)[0].document


def test_a_missing_part_is_noticed() -> None:
    with pytest.raises(DamagedDocument):
        join(parts_of(NOISE)[:-1])


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": bytes(32)},
        {"size_bytes": 7},
        {"size_bytes": documents.MAX_DOCUMENT_BYTES + 1},
        {"content": b"something else"},
    ],
)
@pytest.mark.parametrize("content", [b"a" * 5_000, NOISE[:3_000]])
def test_another_content_is_refused(content: bytes, change: dict[str, object]) -> None:
    (part,) = parts_of(content)
    with pytest.raises(DamagedDocument):
        join([msgspec.structs.replace(part, **change)])
