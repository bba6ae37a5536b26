"""What a host says to a Nonin on the serial port, and what it answers.

Source: Nonin 6470-000-01, "9560 Bluetooth specification". Each message is STX, operation, length, data, ETX.
"""

from datetime import datetime

from koffert_drivers.measurement import Damaged, ErrorReason

_STX, _ETX = 0x02, 0x03
# Heard, or refused: one byte before the frames start. No frame starts with either.
ANSWERS = b"\x06\x15"

GET_SERIAL_NUMBER = bytes((_STX, 0x74, 0x02, 0x02, 0x02, _ETX))
_SERIAL_NUMBER_HEAD = bytes((_STX, 0xF4, 0x0B, 0x02))
_SERIAL_NUMBER_DIGITS = 9


def set_format(number: int) -> bytes:
    """Choose data format `number`; heard in the first 5 s after connecting, then kept in flash."""
    return bytes((_STX, 0x70, 0x02, 0x02, number, _ETX))


def set_time(now: datetime) -> bytes:
    """Set the clock to `now`, in the zone that `now` is in. The device does not answer."""
    fields = (now.year % 100, now.month, now.day, now.hour, now.minute, now.second)
    return bytes((_STX, 0x72, len(fields), *fields, _ETX))


def serial_number(answer: bytes) -> str:
    """The number in the answer to GET_SERIAL_NUMBER; raises Damaged when it is none."""
    head, body = answer[:4], answer[3:-2]
    whole = len(_SERIAL_NUMBER_HEAD) + _SERIAL_NUMBER_DIGITS + 2
    if len(answer) != whole or head != _SERIAL_NUMBER_HEAD or answer[-1] != _ETX:
        raise Damaged(ErrorReason.CONTENT, "no answer with a serial number")
    if sum(body) & 0xFF != answer[-2]:
        raise Damaged(ErrorReason.CHECKSUM, "the serial number's sum is wrong")
    return body[1:].decode("ascii", errors="replace")
