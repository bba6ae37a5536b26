"""A simulated meter on the simulated radio: what it advertises, its characteristics, its habits."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from koffert_drivers.device import Stream
from koffert_drivers.parsers.device_information import encode_current_time
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.speaker import Speaker
from koffert_drivers.simulated.viatom import O2RingSpeaker
from koffert_drivers.simulated.voices import voice
from koffert_drivers.table import device

_SIG_BASE = "-0000-1000-8000-00805f9b34fb"
# What a notification carries at the smallest MTU, which is all that most of these devices use.
_NOTIFICATION_BYTES = 20
_LISTENING_INTERVAL_S = 0.01

SPOT_CHECK, ACCESS_POINT = "2a5e", "2a52"
CURRENT_TIME, SERIAL_NUMBER = "2a2b", "2a25"


def full_uuid(uuid: str) -> str:
    """`uuid` in its 36 characters."""
    return f"0000{uuid}{_SIG_BASE}" if len(uuid) == 4 else uuid


@dataclass
class Characteristic:
    """One characteristic; `listening` while the host is subscribed."""

    service: str
    flags: list[str]
    value: bytes = b""
    listening: bool = False


@dataclass
class Meter:
    """One meter. `notify` is set by the radio while it is connected.

    `stored` are the values of 0x2A5E in its memory, `files` those of a ring; `refuses` is the error that BlueZ gives for a connection
    that the meter does not take; `passkey` is shown on the meter when it bonds.
    """

    driver: str
    address: str
    name: str
    physiology: Physiology = field(default_factory=Physiology)
    stored: list[bytes] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    advertising: bool = True
    needs_bond: bool = False
    passkey: int | None = None
    refuses: str = ""
    speaking: bool = True
    clock: bytes | None = None
    characteristics: dict[str, Characteristic] = field(default_factory=dict)
    written: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    deletions: int = 0
    notify: Callable[[str, bytes], None] | None = None
    advertised: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        record = device(self.driver)
        assert record.ble is not None
        for stream in record.streams:
            uuid = stream.characteristic or stream.name
            service = "180f" if uuid == "2a19" else record.ble.service
            flags = ["indicate" if uuid in {"2a5e", "2a1c", "2a35", "2a9d"} else "notify"]
            self.characteristics[uuid] = Characteristic(service, [*flags, "read"], b"\x50")
        if record.ble.write_characteristic:
            uuid = record.ble.write_characteristic
            flags = ["write", *(["indicate"] if uuid == ACCESS_POINT else [])]
            self.characteristics[uuid] = Characteristic(record.ble.service, flags)
        if self.driver == "plx":
            self.characteristics["2a60"] = Characteristic("1822", ["read"], b"\x0c\x00")
        serial = self.address.replace(":", "")[-6:].encode()
        self.characteristics[SERIAL_NUMBER] = Characteristic("180a", ["read"], serial)
        if self.clock is not None:
            flags = ["read", "write"]
            self.characteristics[CURRENT_TIME] = Characteristic("1805", flags, self.clock)
        self._speakers: list[tuple[Stream, Speaker]] = []
        self.ring = O2RingSpeaker(self.files)
        for stream in {s.characteristic or s.name: s for s in reversed(record.streams)}.values():
            ring = (record.id, stream.name) == ("viatom-o2ring", "live")
            self._speakers.append((stream, self.ring if ring else voice(record.id, stream.name)))

    @property
    def services(self) -> list[str]:
        """The UUIDs of its services, in full."""
        return sorted({full_uuid(each.service) for each in self.characteristics.values()})

    def hear(self, uuid: str, data: bytes) -> None:
        """The host wrote a value."""
        self.written.append((uuid, data))
        now_s = asyncio.get_running_loop().time()
        if uuid == ACCESS_POINT:
            self._answer_access_point(data)
        elif uuid == CURRENT_TIME:
            self.characteristics[uuid].value = data
        for stream, speaker in self._speakers:
            self._send(stream, speaker.hear(data, now_s))

    async def speak(self) -> None:
        """Send what the device's voices say, while connected."""
        async with asyncio.TaskGroup() as group:
            for stream, speaker in self._speakers:
                if stream.spot and stream.name != "blows":
                    continue  # it measures when the test takes a measurement
                group.create_task(self._speak(stream, speaker), name=f"{self.name} {stream.name}")

    async def _speak(self, stream: Stream, speaker: Speaker) -> None:
        loop = asyncio.get_running_loop()
        characteristic = self.characteristics[stream.characteristic or stream.name]
        while True:
            while not (characteristic.listening and self.speaking):  # noqa: ASYNC110 - it is polled on the air too
                await asyncio.sleep(_LISTENING_INTERVAL_S)
            self._send(stream, speaker.frame(self.physiology, loop.time()))
            await asyncio.sleep(1 / speaker.rate_hz)

    def _send(self, stream: Stream, data: bytes) -> None:
        uuid = stream.characteristic or stream.name
        step = len(data) if stream.whole_values else _NOTIFICATION_BYTES
        for start in range(0, len(data), step or 1):
            self.indicate(uuid, data[start : start + step])

    def indicate(self, uuid: str, data: bytes) -> None:
        """Send one value, if the host has subscribed."""
        if self.notify is not None and self.characteristics[uuid].listening:
            self.notify(uuid, data)

    def _answer_access_point(self, request: bytes) -> None:
        code = 1 if self.stored else 6
        if request == b"\x04\x01":
            answer = b"\x05\x00" + len(self.stored).to_bytes(2, "little")
        else:
            if request == b"\x01\x01":
                for value in self.stored:
                    self.indicate(SPOT_CHECK, value)
            elif request == b"\x02\x01":
                self.stored.clear()
                self.deletions += 1
            answer = bytes((6, 0, request[0], code))
        self.indicate(ACCESS_POINT, answer)


def spot_check(taken: datetime, spo2_pct: int) -> bytes:
    """A value of 0x2A5E from storage."""
    clock = encode_current_time(taken)[:7]
    return b"\x03" + bytes((spo2_pct, 0, 72, 0)) + clock + (1 << 9).to_bytes(2, "little")
