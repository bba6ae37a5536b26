"""Which serial port has which device on it: by the cable's USB id, then by listening, never by the port's name.

One cable chip serves many makers and one maker's model several protocols, so only what a device says decides.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace
from serial.tools import list_ports

from koffert_drivers.device import DeviceRecord, SerialSettings, Stream
from koffert_drivers.measurement import Event, FrameError
from koffert_drivers.serial_transport import SerialLink, open_serial

# The slowest stream speaks once a second; this is enough for three frames of it and a late start.
LISTEN_S = 4.0
# Frames without a checksum are found in other protocols' bytes by chance, but never three in a row: a frame of five
# bytes read as four leaves a fifth that fits nowhere.
_MEASUREMENTS_TO_BELIEVE = 3


class Port(Struct, frozen=True):
    """A serial port that hangs on USB."""

    path: str
    usb_id: tuple[int, int]
    serial_number: str | None


class Candidate(Struct, frozen=True):
    """One stream that a port may turn out to speak, and the line's settings to speak it at."""

    record: DeviceRecord
    stream: Stream
    settings: SerialSettings


def usb_ports() -> list[Port]:
    """The serial ports on USB that are there now."""
    return [
        Port(found.device, (found.vid, found.pid), found.serial_number)
        for found in list_ports.comports()
        if found.vid is not None and found.pid is not None
    ]


def candidates(records: Iterable[DeviceRecord], usb_id: tuple[int, int]) -> list[Candidate]:
    """The streams of those records whose cables have `usb_id`."""
    return [
        Candidate(record, stream, replace(record.serial, baud_rate=baud_rate))
        for record in records
        if record.serial is not None and usb_id in record.serial.usb_ids
        for baud_rate in (record.serial.baud_rate, *record.serial.other_baud_rates)
        for stream in record.streams
    ]


async def identify(
    path: str, among: Sequence[Candidate], *, listen_s: float = LISTEN_S
) -> Candidate | None:
    """The stream that the device on `path` speaks, None when it speaks none of them.

    Listens first and asks then, at each line setting in turn. Raises TransportError as `open_serial` does.
    """
    for settings in dict.fromkeys(candidate.settings for candidate in among):
        same_line = [candidate for candidate in among if candidate.settings == settings]
        async with open_serial(path, settings) as link:
            for question in _questions(same_line):
                await link.write(question)
                found = await _listen(link, same_line, listen_s)
                if found is not None:
                    return found
    return None


def _questions(among: Iterable[Candidate]) -> Iterator[bytes]:
    """Nothing, then how each stream is asked for."""
    asked = {b""}
    for candidate in among:
        if candidate.stream.conversation is not None:
            asked.add(b"".join(candidate.stream.conversation.on_connect))
    return iter(sorted(asked))


async def _listen(
    link: SerialLink, among: Sequence[Candidate], listen_s: float
) -> Candidate | None:
    ears = [(candidate, _Ear(candidate.stream.make_parser().feed)) for candidate in among]
    try:
        async with asyncio.timeout(listen_s):
            while True:
                data = await link.read()
                for candidate, ear in ears:
                    if ear.believes(data):
                        return candidate
    except TimeoutError:
        return None


class _Ear:
    """Hears one stream, and believes in it after enough measurements without an error between them."""

    def __init__(self, feed: Callable[[bytes], list[Event]]) -> None:
        self._feed = feed
        self._in_a_row = 0

    def believes(self, data: bytes) -> bool:
        for event in self._feed(data):
            self._in_a_row = 0 if isinstance(event, FrameError) else self._in_a_row + 1
            if self._in_a_row >= _MEASUREMENTS_TO_BELIEVE:
                return True
        return False
