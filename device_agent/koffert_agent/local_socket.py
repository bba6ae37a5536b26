"""Unix sockets in the box's data folder, for the box's own processes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# A process that has left so much unread is not there any more.
_MOST_UNREAD_BYTES = 256 * 1024


@asynccontextmanager
async def socket_address(folder: Path, name: str) -> AsyncIterator[str]:
    """The socket's path, by way of an open folder: a socket's own path may have 107 bytes only."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def listen(address: str) -> socket.socket:
    """A socket in place of what a killed process left; the folder itself is only ours."""
    Path(address).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    Path(address).chmod(0o600)
    return listener


def write(writer: asyncio.StreamWriter, line: bytes) -> None:
    """Write without waiting; who has stopped reading is cut off."""
    if writer.transport.get_write_buffer_size() > _MOST_UNREAD_BYTES:
        writer.transport.abort()
    else:
        writer.write(line)
