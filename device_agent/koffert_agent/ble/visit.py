"""One connection to one meter, from the greeting to the last byte: used once."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf

from koffert_agent.ble.memory import DeviceClock, MemoryBook, date_stored, is_live
from koffert_agent.clock import NS_PER_S, now
from koffert_agent.intake import Intake
from koffert_agent.supervisor import Pulse
from koffert_drivers.ble.errors import BleError, BleReason
from koffert_drivers.ble.link import BleLink, Chunk
from koffert_drivers.ble.ring_files import RingFiles
from koffert_drivers.ble.stored import SPOT_CHECK, open_records, read_clock, set_clock
from koffert_drivers.device import Conversation, DeviceRecord, Memory, Stream
from koffert_drivers.measurement import Damaged, Event, Flag, Measurement
from koffert_drivers.parser import Parser
from koffert_drivers.parsers import viatom_files
from koffert_wire.messages import Instant, Message

_LOG = logging.getLogger(__name__)

# BlueZ tells when a link is lost. A meter whose link is up and that has stopped to stream wants to be asked anew.
SILENT_S = 10.0
_GOODBYE_S = 0.5
# Hundreds of records take half a minute; a bluetoothd that hangs must not hold the meter for ever.
_GREET_S = 90.0
_BATTERY = "2a19"
# A ring counts down 10 s before it closes its file.
_FILE_CLOSED_S = 20.0
# So many records of a night are committed at once.
_BATCH = 200


class Visit:
    """What is said and heard on `ble`; measurements go to `intake`."""

    def __init__(
        self,
        ble: BleLink,
        record: DeviceRecord,
        address: str,
        intake: Intake,
        memory: MemoryBook,
    ) -> None:
        self._ble = ble
        keeps_files = record.ble is not None and record.ble.memory is Memory.RING_FILES
        self._files = RingFiles(ble) if keeps_files else None
        self._files_at_s = 0.0 if keeps_files else inf
        self._address = address
        self._intake = intake
        self._memory = memory
        self._talks = [stream.conversation for stream in ble.streams if stream.conversation]
        self._parsers: dict[str, Parser] = {s.name: s.make_parser() for s in ble.streams}
        # As it was on arrival, which is what records bear; and since, for the box may have set it.
        self._found_clock: DeviceClock | None = None
        self._clocks: list[DeviceClock] = []
        self._streamed = False
        self._off = False

    async def greet(self) -> None:
        """Start what must be started, take what the meter has stored, set its clock. Raises BleError."""
        try:
            async with asyncio.timeout(_GREET_S):
                await self._greet()
        except TimeoutError as error:
            raise BleError(BleReason.LOST, f"not greeted within {_GREET_S:g} s") from error

    async def _greet(self) -> None:
        if self._files is not None:  # it answers one thing at a time
            await self._ask_ring(self._files)
        for command in (word for talk in self._talks for word in talk.on_connect):
            await self._ble.write(command)
        await self._read_battery()
        if self._files is None:
            self._note_clock(await read_clock(self._ble))
            emptied = await self._fetch()
            await self._set_clock(emptied=emptied)

    async def _ask_ring(self, ring: RingFiles) -> None:
        """Read the ring's clock; one that does not tell is read live all the same."""
        try:
            self._note_clock((await ring.info()).clock)
        except BleError as error:
            _LOG.warning("%s: it tells nothing of its files: %s", self._address, error)
            self._files_at_s = inf
            return
        if self._found_clock is not None:
            self._memory.prove(self._address, self._found_clock.shown, anew=False)

    def _note_clock(self, shown: datetime | None) -> None:
        if shown is not None:
            self._found_clock = DeviceClock(shown, self._intake.clock.boottime_ns())
            self._clocks.append(self._found_clock)

    async def listen(self, pulse: Pulse) -> None:
        """Take what comes until the meter goes or falls silent: then BleError."""
        loop = asyncio.get_running_loop()
        alive = next((talk for talk in self._talks if talk.keep_alive), Conversation())
        keep_alive_at_s = loop.time() + alive.keep_alive_s if alive.keep_alive else inf
        silent_at_s = loop.time() + SILENT_S if self._talks else inf
        while True:
            if silent_at_s == keep_alive_at_s == inf:
                pulse.rest()
            chunk = await self._read(until_s=min(silent_at_s, keep_alive_at_s))
            pulse.beat()
            if chunk is not None:
                self.take(chunk)
            if self._off and loop.time() >= self._files_at_s:
                pulse.rest()
                if await self._take_files():  # else its files would be dated by another clock
                    await self._set_clock(emptied=False)
                self._files_at_s = inf
            if self._streamed:
                self._streamed = False
                silent_at_s = loop.time() + SILENT_S
            if loop.time() >= silent_at_s:
                raise BleError(BleReason.LOST, f"no measurement for {SILENT_S:g} s")
            if loop.time() >= keep_alive_at_s:
                await self._ble.write(alive.keep_alive)
                keep_alive_at_s = loop.time() + alive.keep_alive_s

    async def farewell(self) -> None:
        """Tell the meter that nobody listens any more, if it is still there."""
        with contextlib.suppress(BleError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                for command in (word for talk in self._talks for word in talk.on_disconnect):
                    await self._ble.write(command)

    def take(self, chunk: Chunk) -> None:
        """Hand on what a chunk completes."""
        stream = chunk.stream
        parser = self._parsers.get(stream.name)
        if parser is None:
            return
        events: list[Event] = []
        for event in parser.feed(chunk.data):
            if isinstance(event, Measurement) and stream.spot and not self._is_live(event):
                self._intake.submit(self._remembered(stream, event))
            else:
                events.append(event)
        self._heed_finger(events)
        taken = self._intake.take(stream, events)
        self._streamed = self._streamed or (taken.measured and not stream.spot)
        self._intake.submit(taken.messages)

    def _is_live(self, measurement: Measurement) -> bool:
        return is_live(measurement, now(self._intake.clock), self._clocks)

    def _remembered(self, stream: Stream, measurement: Measurement) -> list[Message]:
        """The messages of a record from the meter's memory."""
        at = now(self._intake.clock)
        proved_after = self._memory.proved_after(self._address)
        when = date_stored(measurement, at, self._found_clock, proved_after)
        self._intake.note(measurement)
        channel = self._intake.channel(stream)
        if isinstance(when, Instant):
            return channel.recall(measurement, when)
        return [channel.quarantine(measurement, at, when.value)]

    async def _fetch(self) -> bool:
        """Take all records and let the meter forget them; whether its memory is known to be empty now."""
        access = await open_records(self._ble, self.take)
        if access is None:
            return False
        stored = await access.report_all()
        if not stored.empty:
            stream = next(s for s in self._ble.streams if s.name == SPOT_CHECK)
            events = [
                event for value in stored.values for event in stream.make_parser().feed(value)
            ]
            records = [event for event in events if isinstance(event, Measurement)]
            messages = [m for record in records for m in self._remembered(stream, record)]
            if not await self._intake.keep(messages):
                _LOG.warning(
                    "%s: its records stay where they are, the disk takes none", self._address
                )
                return False
            await access.delete_all()
        return True

    def _heed_finger(self, events: Iterable[Event]) -> None:
        """A ring that is worn records, and closes its file a while after it was taken off."""
        if self._files is None:
            return
        for event in events:
            if isinstance(event, Measurement) and event.finger is not None:
                self._off = not event.finger
                if event.finger and self._found_clock is not None:
                    self._files_at_s = asyncio.get_running_loop().time() + _FILE_CLOSED_S

    async def _take_files(self) -> bool:
        """Take the files that are new; whether all are safe. The ring keeps them: nothing public erases one."""
        assert self._files is not None  # noqa: S101 - asked by a ring alone
        names = (await self._files.info()).files
        known = self._memory.taken(self._address)
        taken = [name for name in names if name in known]
        for name in (name for name in names if name not in known):
            if not await self._take_file(name):
                break
            taken.append(name)
        self._memory.note_taken(self._address, taken)
        return len(taken) == len(names)

    async def _take_file(self, name: str) -> bool:
        """Take one file: its records, or one message for one that may be another's; whether it is safe."""
        assert self._files is not None  # noqa: S101 - as above
        stream = self._ble.streams[0]
        whole = Measurement(
            measured_at=viatom_files.begun(name), flags=(Flag.FROM_STORAGE, Flag.UNAVAILABLE)
        )
        at = now(self._intake.clock)
        proved_after = self._memory.proved_after(self._address)
        when = date_stored(whole, at, self._found_clock, proved_after)
        if not isinstance(when, Instant):
            return await self._intake.keep(
                [self._intake.channel(stream).quarantine(whole, at, when.value)]
            )
        try:
            records = viatom_files.decode_file(await self._files.read(name))
        except Damaged as error:
            _LOG.warning("%s: a stored file is damaged: %s", self._address, error.detail)
            return True
        for first in range(0, len(records), _BATCH):
            messages = [
                m
                for record in records[first : first + _BATCH]
                for m in self._remembered(stream, record)
            ]
            if not await self._intake.keep(messages):
                return False
        return True

    async def _set_clock(self, *, emptied: bool) -> None:
        """Set the meter's clock to UTC, for it knows no zone; write down what that proves."""
        before = self._found_clock
        if before is None:
            return
        at = now(self._intake.clock)
        latest = before.at(at.boottime_ns)
        if at.wall_trusted:
            wall = datetime.fromtimestamp(at.wall_ns / NS_PER_S, UTC).replace(tzinfo=None)
            with contextlib.suppress(BleError):  # some show their clock and let nobody set it
                if self._files is not None:
                    await self._files.set_clock(wall)
                    self._found_clock = DeviceClock(wall, at.boottime_ns)
                else:
                    await set_clock(self._ble, wall)
                self._clocks.append(DeviceClock(wall, at.boottime_ns))
                latest = wall if emptied else max(latest, wall)
        self._memory.prove(self._address, latest, anew=emptied)

    async def _read_battery(self) -> None:
        for stream in self._ble.streams:
            if stream.characteristic == _BATTERY:
                level = await self._ble.read_value(_BATTERY)
                if level is not None:
                    self.take(Chunk(stream, level))

    async def _read(self, *, until_s: float) -> Chunk | None:
        try:
            async with asyncio.timeout_at(None if until_s == inf else until_s):
                return await self._ble.read()
        except TimeoutError:
            return None
