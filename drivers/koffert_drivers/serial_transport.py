"""A serial port on the asyncio loop."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

import serial

from koffert_drivers.device import SerialSettings

# One read takes what the kernel's line buffer holds (N_TTY_BUF_SIZE).
READ_BYTES = 4096


class TransportReason(StrEnum):
    """What the caller can do: wait for the device, mend the rights, end the other user, or reconnect."""

    NOT_FOUND = "not-found"
    PERMISSION = "permission"
    BUSY = "busy"
    LOST = "lost"


class TransportError(Exception):
    """The link to a device cannot be had, or is gone."""

    def __init__(self, reason: TransportReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


_REASONS = {
    errno.ENOENT: TransportReason.NOT_FOUND,
    errno.ENODEV: TransportReason.NOT_FOUND,
    errno.ENXIO: TransportReason.NOT_FOUND,
    errno.EACCES: TransportReason.PERMISSION,
    errno.EPERM: TransportReason.PERMISSION,
    errno.EBUSY: TransportReason.BUSY,
    errno.EAGAIN: TransportReason.BUSY,  # another process holds the lock
}


class SerialLink:
    """An open port, used once and by one reader at a time; `open_serial` makes it."""

    def __init__(self, port: serial.Serial) -> None:
        self._fd: int = port.fileno()

    async def read(self) -> bytes:
        """What has arrived, at least one byte; raises TransportError when the device is gone."""
        loop = asyncio.get_running_loop()
        await _ready(self._fd, loop.add_reader, loop.remove_reader)
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError as error:
            raise _lost(error) from error
        if not data:  # readable and empty: the line hung up
            raise TransportError(TransportReason.LOST, "hung up")
        return data

    async def write(self, data: bytes) -> None:
        """Hand `data` to the line; raises TransportError when the device is gone."""
        loop = asyncio.get_running_loop()
        while data:
            await _ready(self._fd, loop.add_writer, loop.remove_writer)
            try:
                data = data[os.write(self._fd, data) :]
            except OSError as error:
                raise _lost(error) from error


@asynccontextmanager
async def open_serial(port: str, settings: SerialSettings) -> AsyncIterator[SerialLink]:
    """An exclusive link to `port` (a path); raises TransportError when it cannot be had."""
    line = _open(port, settings)
    try:
        yield SerialLink(line)
    finally:
        line.close()


def _open(port: str, settings: SerialSettings) -> serial.Serial:
    try:
        return serial.Serial(
            port,
            settings.baud_rate,
            bytesize=settings.data_bits,
            parity=settings.parity.value,
            stopbits=settings.stop_bits,
            timeout=0,
            exclusive=True,
        )
    except serial.SerialException as error:
        reason = _REASONS.get(error.errno or 0, TransportReason.LOST)
        raise TransportError(reason, f"cannot open {port}") from error


async def _ready(
    fd: int, add: Callable[[int, Callable[[], None]], object], remove: Callable[[int], object]
) -> None:
    """Wait until the loop says that `fd` can be read or written."""
    ready = asyncio.Event()
    add(fd, ready.set)
    try:
        await ready.wait()
    finally:
        remove(fd)


def _lost(error: OSError) -> TransportError:
    return TransportError(TransportReason.LOST, os.strerror(error.errno or 0))
