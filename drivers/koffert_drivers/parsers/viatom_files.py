"""What a Viatom O2Ring has stored: its list of files and its clock, and the records of a file.

Source: three independent clients and the vendor's kit for app makers. They differ in the third byte of a record: the
pulse's high byte, or "not valid". It is 0 in both where there is a value; anything else is none here.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Flag,
    Measurement,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parsers.fields import Fields
from koffert_drivers.parsers.viatom_o2ring import request

READ_INFO = request(0x14)
CLOSE_FILE = request(0x05)

_VERSION = 3
_HEADER_BYTES, _RECORD_BYTES = 40, 5
# The vendor's intervals; a file whose records and duration give another is none that is understood.
_INTERVALS_S = frozenset({1, 2, 4})
_INFO_TIME, _FILE_TIME = "%Y-%m-%d,%H:%M:%S", "%Y%m%d%H%M%S"


class RingInfo(Struct, frozen=True):
    """What the ring says of itself: what its clock shows, in no zone, and the files that are complete."""

    clock: datetime | None
    files: tuple[str, ...]


class _Info(Struct, frozen=True):
    clock: str = msgspec.field(default="", name="CurTIME")
    files: str = msgspec.field(default="", name="FileList")


def decode_info(payload: bytes) -> RingInfo:
    """The answer to READ_INFO: JSON, padded; raises Damaged."""
    try:
        info = msgspec.json.decode(payload.rstrip(b"\0 \t\r\n"), type=_Info)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(ErrorReason.CONTENT, "no JSON with clock and files") from error
    names = (name.strip() for name in info.files.split(","))
    return RingInfo(_time(info.clock, _INFO_TIME), tuple(filter(None, names)))


def begun(name: str) -> datetime | None:
    """When the file of this name begins, on the ring's clock; None for a name that does not say."""
    return _time(name, _FILE_TIME)


def set_time(now: datetime) -> bytes:
    """Set the clock to `now`, in the zone that `now` is in."""
    return request(0x16, msgspec.json.encode({"SetTIME": now.strftime(_INFO_TIME)}))


def open_file(name: str) -> bytes:
    """Open a file; the answer has its size."""
    return request(0x03, name.encode() + b"\0")


def read_block(number: int) -> bytes:
    """Read the next block of the open file, counted from 0."""
    return request(0x04, block=number)


def decode_file(content: bytes) -> list[Measurement]:
    """The records of a whole file that hold a value; raises Damaged."""
    fields = Fields(content)
    version, started = fields.unsigned(2), fields.time()
    fields.take(4)  # the file's size, which some count without the header
    duration_s = fields.unsigned(2)
    if version != _VERSION or started is None:
        raise Damaged(ErrorReason.CONTENT, f"a file of version {version}, or without a time")
    records = content[_HEADER_BYTES:]
    count = len(records) // _RECORD_BYTES
    if not count or len(records) % _RECORD_BYTES:
        raise Damaged(ErrorReason.TRUNCATED, f"{len(records)} bytes are no whole records")
    interval_s = duration_s / count
    if interval_s not in _INTERVALS_S:
        raise Damaged(ErrorReason.CONTENT, f"{count} records in {duration_s} s")
    taken = (
        _record(records[at : at + _RECORD_BYTES], started + timedelta(seconds=number * interval_s))
        for number, at in enumerate(range(0, len(records), _RECORD_BYTES))
    )
    return [record for record in taken if record.quality > 0]


def _record(record: bytes, taken: datetime) -> Measurement:
    spo2, pulse, doubt = record[:3]
    flags = (Flag.FROM_STORAGE, Flag.INVALID) if doubt else (Flag.FROM_STORAGE,)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(spo2), pulse_bpm=rate(pulse), measured_at=taken, flags=flags
        )
    )


def _time(text: str, layout: str) -> datetime | None:
    try:
        return datetime.strptime(text, layout)  # noqa: DTZ007 - no zone to give
    except ValueError:
        return None
