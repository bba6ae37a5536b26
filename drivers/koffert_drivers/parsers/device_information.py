"""The Bluetooth SIG's device information (0x180A) and current time (0x1805) characteristics."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from koffert_drivers.measurement import Damaged
from koffert_drivers.parsers.fields import Fields


class DeviceInformation(Struct, frozen=True):
    """What a device says of itself; None where it says nothing."""

    maker: str | None
    model: str | None
    serial_number: str | None
    firmware: str | None
    hardware: str | None
    software: str | None


def decode_device_information(values: Mapping[str, bytes]) -> DeviceInformation:
    """From the values of the characteristics, by their short UUIDs."""
    return DeviceInformation(
        maker=_text(values.get("2a29")),
        model=_text(values.get("2a24")),
        serial_number=_text(values.get("2a25")),
        firmware=_text(values.get("2a26")),
        hardware=_text(values.get("2a27")),
        software=_text(values.get("2a28")),
    )


def encode_current_time(now: datetime) -> bytes:
    """The value of 0x2A2B that sets a device's clock to `now`, in the zone that `now` is in."""
    day = (now.month, now.day, now.hour, now.minute, now.second, now.isoweekday())
    fraction = now.microsecond * 256 // 1_000_000
    manual_update = 0x01
    return now.year.to_bytes(2, "little") + bytes((*day, fraction, manual_update))


def decode_current_time(value: bytes) -> datetime | None:
    """What 0x2A2B shows, in no zone; None when the device does not know the time or the value is cut."""
    try:
        return Fields(value).time()
    except Damaged:
        return None


def _text(value: bytes | None) -> str | None:
    """UTF-8 without the NULs and blanks that devices pad with; None when nothing is left."""
    return None if value is None else value.decode(errors="replace").strip("\0 ") or None
