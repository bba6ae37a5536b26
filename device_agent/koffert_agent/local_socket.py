"""Unix sockets in the box's data folder, for the box's own processes."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


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
