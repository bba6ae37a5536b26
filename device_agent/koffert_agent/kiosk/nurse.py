"""The nurse's picture on its way from the video process to the page: JPEG after JPEG, none of them kept."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from koffert_agent.kiosk.link import connect
from koffert_agent.video.records import SOCKET_NAME, WatchPictures, encode_line

# Past this it is no picture of now; the page asks anew when there is one again.
_SILENT_S = 3.0
# A picture of 640 pixels' width has a tenth of it.
_MOST_BYTES = 1024 * 1024
_LINE = b"{"
_LENGTH_BYTES = 4
BOUNDARY = "picture"
_HEAD = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n".encode()


async def pictures(folder: Path) -> AsyncGenerator[bytes, None]:
    """The parts of a multipart answer, for as long as pictures come."""
    with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
        reader, writer = await connect(folder, SOCKET_NAME)
        try:
            writer.write(encode_line(WatchPictures()))
            while True:
                async with asyncio.timeout(_SILENT_S):
                    jpeg = await _next(reader)
                yield part_of(jpeg)
        finally:
            writer.close()


def part_of(jpeg: bytes) -> bytes:
    """A picture as one part of the answer."""
    return _HEAD % len(jpeg) + jpeg + b"\r\n"


async def _next(reader: asyncio.StreamReader) -> bytes:
    """The next picture; raises EOFError at the end, ValueError for what is none."""
    first = await reader.readexactly(1)
    while first == _LINE:
        # What was said before the other side had heard that this connection is for pictures.
        await reader.readline()
        first = await reader.readexactly(1)
    length = int.from_bytes(first + await reader.readexactly(_LENGTH_BYTES - 1), "big")
    if length > _MOST_BYTES:
        raise ValueError(f"{length} bytes are no picture for a screen")
    return await reader.readexactly(length)
