"""The record of one kind of device: all that the rest of Koffert knows about it."""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from koffert_drivers.parser import Parser


class Transport(StrEnum):
    """How the bytes reach the box."""

    SERIAL = "serial"  # a port: USB cable or Bluetooth serial port profile
    BLE = "ble"


class Kind(StrEnum):
    """What a device measures."""

    SPO2 = "spo2"
    PULSE = "pulse"
    PPG = "ppg"
    BEAT_INTERVALS = "beat-intervals"
    SPIROMETRY = "spirometry"
    BLOOD_PRESSURE = "blood-pressure"
    TEMPERATURE = "temperature"
    WEIGHT = "weight"


class Parity(StrEnum):
    """Parity of a serial line, as pyserial names it."""

    NONE = "N"
    ODD = "O"
    EVEN = "E"


class Waveform(StrEnum):
    """What a stream's samples are."""

    PPG = "ppg"  # the pulse in a finger, in the device's own counts
    FLOW = "flow"  # of breath in mL/s BTPS, expiration positive: for as long as somebody blows


class SerialSettings(Struct, frozen=True):
    """How a serial line is set; `usb_ids` are (vendor, product) of cables that the device comes with.

    `other_baud_rates` are those that the same protocol is also said to be spoken at.
    """

    baud_rate: int
    data_bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: int = 1
    usb_ids: tuple[tuple[int, int], ...] = ()
    other_baud_rates: tuple[int, ...] = ()

    @property
    def bytes_per_s(self) -> float:
        """The line's greatest rate: start bit, data, parity and stop bits make one byte."""
        bits = 1 + self.data_bits + (self.parity is not Parity.NONE) + self.stop_bits
        return self.baud_rate / bits


class Conversation(Struct, frozen=True):
    """What the host says; many devices are silent, or fall silent, without it.

    `acknowledge` answers a measurement, once it is safe; `refuse` answers a damaged frame.
    """

    on_connect: tuple[bytes, ...] = ()
    keep_alive: bytes = b""
    keep_alive_s: float = 0.0
    on_disconnect: tuple[bytes, ...] = ()
    acknowledge: bytes = b""
    refuse: bytes = b""


class Stream(Struct, frozen=True):
    """One stream of bytes that a device gives: a serial data format or a GATT characteristic.

    `characteristic` is its UUID, short for SIG ones. `whole_values` when each chunk stands by itself.
    `spot` when a measurement comes once someone has taken it, and silence between them is no fault.
    `unheeded` when nothing takes up yet what it tells, so that a live link leaves it alone.
    """

    name: str
    make_parser: Callable[[], Parser]
    waveform_rate_hz: float | None = None
    waveform: Waveform = Waveform.PPG
    conversation: Conversation | None = None
    characteristic: str | None = None
    whole_values: bool = False
    spot: bool = False
    unheeded: bool = False


class Recognition(Struct, frozen=True):
    """How a device is known on the air: a name tells more than an address, an address more than a service."""

    names: tuple[str, ...] = ()  # beginnings, compared without the NULs that some devices pad with
    ouis: tuple[str, ...] = ()  # the first three bytes of a public address
    services: tuple[str, ...] = ()  # advertised ones that no other device has


class Memory(StrEnum):
    """How the records that a device has stored are reached over Bluetooth Low Energy."""

    ACCESS_POINT = "2a52"  # the SIG's Record Access Control Point, where the device has it
    RING_FILES = "ring-files"  # Viatom's; nothing public erases them


class BleProfile(Struct, frozen=True):
    """How a device is spoken to over Bluetooth Low Energy; `memory` is None where none is reached."""

    service: str
    write_characteristic: str | None = None
    needs_bond: bool = False
    memory: Memory | None = None


class State(StrEnum):
    """How far one rule of the quality scale is met."""

    DONE = "done"
    TODO = "todo"
    EXEMPT = "exempt"


class Mark(Struct, frozen=True):
    """The state of one rule, and why where it is not done."""

    state: State
    why: str = ""


DONE = Mark(State.DONE)


class QualityScale(Struct, frozen=True, kw_only=True):
    """What a driver must have before a nurse can rely on it."""

    parser: Mark = DONE
    real_bytes: Mark
    reconnect: Mark
    bonding: Mark
    clock: Mark
    memory: Mark
    battery: Mark
    docs: Mark = DONE


class UnknownStream(LookupError):
    """The device has no such data format or characteristic."""


_SIG_BASE = "-0000-1000-8000-00805f9b34fb"


def short_uuid(name: str) -> str:
    """`name` in lower case, and a UUID of the Bluetooth SIG as its four digits."""
    name = name.lower()
    if name.startswith("0000") and name.endswith(_SIG_BASE):
        return name[4:8]
    return name


class DeviceRecord(Struct, frozen=True, kw_only=True):
    """One row of the device table. The first stream is the one to use when nothing else is said.

    `sources` says where the protocol is known from, `limits` what the driver cannot tell.
    """

    id: str
    name: str
    transport: Transport
    kinds: tuple[Kind, ...]
    streams: tuple[Stream, ...]
    quality_scale: QualityScale
    sources: str
    limits: tuple[str, ...] = ()
    recognition: Recognition = Recognition()
    serial: SerialSettings | None = None
    ble: BleProfile | None = None

    def stream(self, name: str | None = None) -> Stream:
        """The stream called `name`, by its name or UUID in any case; raises UnknownStream."""
        if name is None:
            return self.streams[0]
        wanted = short_uuid(name)
        for stream in self.streams:
            if wanted in {stream.name, stream.characteristic}:
                return stream
        known = ", ".join(stream.name for stream in self.streams)
        raise UnknownStream(f"{self.id} has no stream {name!r}, only {known}")

    def make_parser(self, stream: str | None = None) -> Parser:
        """A new parser for one of the streams; raises UnknownStream."""
        return self.stream(stream).make_parser()

    @property
    def waveform_rate_hz(self) -> float | None:
        """Samples per second of the first stream's waveform; None when it has none."""
        return self.streams[0].waveform_rate_hz

    @property
    def spot(self) -> bool:
        """Tells whether the first stream gives single measurements and not a steady flow."""
        return self.streams[0].spot

    @property
    def conversation(self) -> Conversation | None:
        """What the host says on the first stream."""
        return self.streams[0].conversation
