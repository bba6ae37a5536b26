"""The gateway's end of the kiosk's socket: live readings out, what the patient says in.

The kiosk may come, go and hang as it likes: nothing here makes the gateway wait.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from koffert_agent.kiosk.records import (
    MOST_LINE_BYTES,
    SOCKET_NAME,
    Box,
    Breath,
    Circumstances,
    Delivery,
    DeliveryState,
    FromGateway,
    Meter,
    Numbers,
    PulseWave,
    Submit,
    encode_line,
    read_from_kiosk,
)
from koffert_agent.local_socket import listen, socket_address, write
from koffert_agent.pipeline import Sink
from koffert_agent.supervisor import Pulse
from koffert_drivers.device import Waveform
from koffert_drivers.table import UnknownDevice, device
from koffert_wire.messages import (
    FLOW,
    FORCED_VOLUME,
    Attempt,
    CallButton,
    Diary,
    Message,
    MessageRead,
    Mode,
    Reading,
    SensorLink,
    SensorState,
    Spirometry,
    SpotContext,
    WaveformBlock,
)
from koffert_wire.samples import unpack_samples

_LOG = logging.getLogger(__name__)

_BOX_INTERVAL_S = 1.0
# Transmissions whose receipt the kiosk may still ask for: readings of some minutes, and what a patient says in
# a day. What falls out is delivered all the same; the screen then goes on saying "saved".
_READINGS_FOLLOWED = 256
_SAID_FOLLOWED = 64
# What a person said or did, as opposed to what a meter measured; of waveforms only the blows.
_SAID = Diary | CallButton | MessageRead | Attempt | Spirometry | WaveformBlock


class LocalLink:
    """Shows the kiosk what passes by, and adds what the patient said about it.

    `box` tells what the box is now, without delivery.
    """

    def __init__(self, folder: Path, sink: Sink, box: Callable[[], Box]) -> None:
        self._folder = folder
        self._sink = sink
        self._box = box
        self._context: SpotContext | None = None
        self._meters: dict[str, SensorLink] = {}
        self._kiosks: set[asyncio.StreamWriter] = set()
        self._readings: dict[bytes, tuple[bytes, ...]] = {}
        self._said: dict[bytes, tuple[bytes, ...]] = {}

    # -- on the readings' way to the outbox -------------------------------------------------------

    def submit(self, messages: Iterable[Message], /) -> None:
        """Hand on what a meter brought, with what the patient answered; returns at once.

        While the loan is paused, and after its end, nothing is measured: whoever has put the clip on has not
        agreed to it.
        """
        box = self._box()
        measures = not (box.paused or box.silent)
        self._sink.submit(self._attend(m for m in messages if measures or not _is_measured(m)))

    async def keep(self, messages: Iterable[Message], /) -> bool:
        """As the sink's. What a meter remembered was not measured now: it gets no answers of today.

        While the box is nobody's it stays in the meter, from which a wipe removes it.
        """
        return not self._box().silent and await self._sink.keep(messages)

    def _attend(self, messages: Iterable[Message]) -> list[Message]:
        attended = [self._with_context(message) for message in messages]
        for message in attended:
            if isinstance(message, SensorState):
                self._meters[message.sensor] = message.link
            if self._kiosks and (record := _shown(message)) is not None:
                self._tell(record)
        # Flow is for the screen: of it, what was a blow comes back from there.
        return [message for message in attended if not _is_flow(message)]

    def _with_context(self, message: Message) -> Message:
        if isinstance(message, Reading) and self._context is not None:
            return msgspec.structs.replace(message, context=self._context)
        return message

    # -- deliveries -------------------------------------------------------------------------------

    def committed(self, transmission: bytes, messages: Sequence[Message]) -> None:
        """These messages are safe on the disk, in this transmission."""
        said = _is_said(messages[0])
        ids = tuple(
            message.id
            for message in messages
            if isinstance(message, Reading) or (isinstance(message, _SAID) and _is_said(message))
        )
        if not ids:
            return
        followed, most = (
            (self._said, _SAID_FOLLOWED) if said else (self._readings, _READINGS_FOLLOWED)
        )
        followed[transmission] = ids
        while len(followed) > most:
            del followed[next(iter(followed))]
        self._tell(Delivery(ids, DeliveryState.QUEUED))

    def stored(self, transmissions: Iterable[bytes]) -> None:
        """The hub's receipt names these transmissions."""
        for transmission in transmissions:
            ids = self._said.pop(transmission, None) or self._readings.pop(transmission, None)
            if ids is not None:
                self._tell(Delivery(ids, DeliveryState.STORED))

    # -- the socket -------------------------------------------------------------------------------

    async def run(self, pulse: Pulse) -> None:
        """Serve the kiosk, for ever."""
        async with (
            socket_address(self._folder, SOCKET_NAME) as address,
            await asyncio.start_unix_server(
                self._serve, sock=listen(address), limit=MOST_LINE_BYTES
            ) as server,
        ):
            await server.start_serving()
            try:
                while True:
                    pulse.beat()
                    self._tell(self._box())
                    await asyncio.sleep(_BOX_INTERVAL_S)
            finally:
                for writer in self._kiosks:
                    writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._kiosks.add(writer)
        try:
            write(writer, encode_line(self._box()))
            for sensor, link in self._meters.items():
                write(writer, encode_line(_meter(sensor, link)))
            while line := await reader.readline():
                self._take(line)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            _LOG.warning("the kiosk's link ended: %s", error)
        finally:
            self._kiosks.discard(writer)
            # Answers belong to a measurement that somebody is attending to.
            self._context = None
            writer.close()

    def _take(self, line: bytes) -> None:
        match read_from_kiosk(line):
            case Circumstances(context):
                self._context = context
            case Submit(message):
                self._sink.submit([message])

    def _tell(self, record: FromGateway) -> None:
        for writer in list(self._kiosks):
            write(writer, encode_line(record))


def _shown(message: Message) -> FromGateway | None:
    """What the kiosk gets to see of a message."""
    match message:
        case Reading():
            return Numbers(
                id=message.id,
                sensor=message.sensor,
                spo2_pct=message.values.get("spo2_pct"),
                pulse_bpm=message.values.get("pulse_bpm"),
                quality=message.quality,
                flags=message.flags,
                spot=message.mode is Mode.SPOT,
            )
        case WaveformBlock():
            samples = unpack_samples(message.codec, message.samples)
            if not _is_flow(message):
                return PulseWave(message.rate_hz, samples)
            return Breath(
                message.sensor, message.sensor_serial, message.at, message.rate_hz, samples
            )
        case SensorState():
            return _meter(message.sensor, message.link)
    return None


def _is_said(message: Message) -> bool:
    return isinstance(message, _SAID) and (
        not isinstance(message, WaveformBlock) or message.waveform == FORCED_VOLUME
    )


def _is_measured(message: Message) -> bool:
    return isinstance(message, Reading | WaveformBlock)


def _is_flow(message: Message) -> bool:
    return isinstance(message, WaveformBlock) and message.waveform == FLOW


def _meter(sensor: str, link: SensorLink) -> Meter:
    try:
        streams = device(sensor).streams
    except UnknownDevice:
        streams = ()
    return Meter(sensor, link, any(stream.waveform is Waveform.FLOW for stream in streams))
