"""Packed recordings: a head that says what they are, then blocks that each stand by themselves.

    head    "KFS1", length of what follows (u32), {channels, samples, block, info} as msgpack, CRC-32
    block   "KB", number (u32), length (u32), the block (see `block.py`), CRC-32 of all of it
    head    once more, where there are several blocks to save

Little endian. A damaged block costs its own samples; its neighbours are found by its length or,
where that is damaged too, by the next "KB" whose checksum holds. docs/reference/codec.md has it all.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_signal.checks import Ints
from koffert_signal.codec import block
from koffert_signal.errors import CorruptData, InvalidInput

MAGIC = b"KFS1"
BLOCK_MAGIC = b"KB"
BLOCK_HEAD = struct.Struct("<2sII")
CHECKSUM = struct.Struct("<I")
DEFAULT_BLOCK = 16384  # samples a channel: half an hour packs a fifth faster than by 8192
# Blocks decoded in step: enough lanes to be fast, 32 x 16384 samples x 12 channels are 50 MB.
TOGETHER = 32
LARGEST_BLOCK = 1 << 24
MOST_CHANNELS = 255


class Head(Struct, frozen=True):
    """What a packed recording is. `info` is the caller's own words (rate, unit, lead names)."""

    channels: int
    samples: int
    block: int
    info: dict[str, str | int | float | list[str]]


class Unpacked(Struct, frozen=True):
    """A recording as far as it could be read: (channels, samples), and which blocks were not.

    The samples of a damaged block are 0.
    """

    head: Head
    samples: Ints
    damaged: tuple[int, ...]


def pack(
    samples: npt.ArrayLike,
    *,
    info: dict[str, str | int | float | list[str]] | None = None,
    block_samples: int = DEFAULT_BLOCK,
) -> bytes:
    """Pack integers, (samples,) or (channels, samples), losslessly.

    Raises InvalidInput for what is not whole numbers of at most 64 bits, or more than 255 channels.
    """
    array = _integers(samples)
    if not 1 <= block_samples <= LARGEST_BLOCK:
        raise InvalidInput(f"blocks hold 1 to {LARGEST_BLOCK} samples")
    head = Head(array.shape[0], array.shape[1], block_samples, info or {})
    packed_head = msgspec.msgpack.encode(head)
    lead_in = MAGIC + struct.pack("<I", len(packed_head)) + packed_head
    lead_in += CHECKSUM.pack(zlib.crc32(lead_in))
    parts = [lead_in]
    for number, start in enumerate(range(0, array.shape[1], block_samples)):
        body = block.encode(array[:, start : start + block_samples])
        framed = BLOCK_HEAD.pack(BLOCK_MAGIC, number, len(body)) + body
        parts += [framed, CHECKSUM.pack(zlib.crc32(framed))]
    if array.shape[1] > block_samples:
        parts.append(lead_in)
    return b"".join(parts)


def read_head(packed: bytes) -> Head:
    """Return what a packed recording is; raises CorruptData where that is damaged."""
    return _head_and_end(packed)[0]


def unpack(packed: bytes) -> Unpacked:
    """Return the recording; damaged blocks are named, the others are exact.

    Raises CorruptData where the head and its copy are damaged.
    """
    head, start = _head_and_end(packed)
    samples = np.zeros((head.channels, head.samples), np.int64)
    missing = set(range(_block_count(head)))
    for batch in _batches(_intact_blocks(packed, start)):
        for number, decoded in _decoded(head, batch):
            at = number * head.block
            samples[:, at : at + head.block] = decoded
            missing.discard(number)
    return Unpacked(head, samples, tuple(sorted(missing)))


def unpack_block(packed: bytes, number: int) -> Ints:
    """Return one block's samples, (channels, samples), without decoding any other.

    Raises CorruptData where it is damaged, InvalidInput where there is none of that number.
    """
    head, start = _head_and_end(packed)
    if not 0 <= number < _block_count(head):
        raise InvalidInput(f"there are {_block_count(head)} blocks")
    for found, body in _intact_blocks(packed, start):
        if found == number:
            for _, decoded in _decoded(head, [(found, body)]):
                return decoded
    raise CorruptData(f"block {number} is damaged")


def _integers(samples: npt.ArrayLike) -> Ints:
    array = np.asarray(samples)
    if array.dtype.kind not in "biu" or (array.dtype == np.uint64 and (array >> 63).any()):
        raise InvalidInput(f"{array.dtype} samples are not whole numbers of at most 64 bits")
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not 1 <= array.shape[0] <= MOST_CHANNELS:
        raise InvalidInput("expected (samples,) or (channels, samples), 1 to 255 channels")
    return np.ascontiguousarray(array, dtype=np.int64)


def _head_and_end(packed: bytes) -> tuple[Head, int]:
    """Return the head, and from where to look for blocks."""
    try:
        return _head_at(packed, 0)
    except CorruptData:
        copy = packed.rfind(MAGIC)
        if copy <= 0:
            raise
    return _head_at(packed, copy)[0], 0


def _head_at(packed: bytes, at: int) -> tuple[Head, int]:
    if packed[at : at + 4] != MAGIC:
        raise CorruptData("not a packed recording")
    try:
        (length,) = struct.unpack_from("<I", packed, at + 4)
        end = at + 8 + length
        (checksum,) = CHECKSUM.unpack_from(packed, end)
        if checksum != zlib.crc32(packed[at:end]):
            raise CorruptData("the head is damaged")
        head = msgspec.msgpack.decode(packed[at + 8 : end], type=Head)
    except (struct.error, msgspec.DecodeError) as error:
        raise CorruptData("the head is damaged") from error
    sound = 1 <= head.channels <= MOST_CHANNELS and 1 <= head.block <= LARGEST_BLOCK
    # Not even constant channels pack to less than a bit for 64 samples.
    if not sound or not 0 <= head.samples * head.channels <= 4096 * 8 * len(packed):
        raise CorruptData("the head makes no sense")
    return head, end + CHECKSUM.size


def _block_count(head: Head) -> int:
    return -(-head.samples // head.block)


def _intact_blocks(packed: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield every block whose checksum holds, searching on where one does not."""
    while 0 <= at <= len(packed) - BLOCK_HEAD.size - CHECKSUM.size:
        magic, number, length = BLOCK_HEAD.unpack_from(packed, at)
        body_at = at + BLOCK_HEAD.size
        end = body_at + length
        if magic == BLOCK_MAGIC and end + CHECKSUM.size <= len(packed):
            (checksum,) = CHECKSUM.unpack_from(packed, end)
            if checksum == zlib.crc32(packed[at:end]):
                yield number, packed[body_at:end]
                at = end + CHECKSUM.size
                continue
        at = packed.find(BLOCK_MAGIC, at + 1)


def _batches(blocks: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    for item in blocks:
        batch.append(item)
        if len(batch) == TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


def _decoded(head: Head, batch: list[tuple[int, bytes]]) -> Iterator[tuple[int, Ints]]:
    """Yield the batch decoded; a block that is intact but senseless is left out."""
    parsed: list[tuple[int, block.Parsed]] = []
    for number, body in batch:
        if not 0 <= number < _block_count(head):
            continue
        expected = (head.channels, min(head.block, head.samples - number * head.block))
        try:
            one = block.parse(body, expected)
        except CorruptData:
            continue
        parsed.append((number, one))
    try:
        decoded = block.decode([one for _, one in parsed])
    except CorruptData:
        if len(batch) > 1:
            for item in batch:
                yield from _decoded(head, [item])
        return
    yield from zip((number for number, _ in parsed), decoded, strict=True)
