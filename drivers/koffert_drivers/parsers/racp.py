"""The Bluetooth SIG's Record Access Control Point (0x2A52): asking a meter for what it stored."""

from enum import IntEnum

from msgspec import Struct

from koffert_drivers.measurement import Damaged, ErrorReason

_COUNT_RESPONSE = 5
_RESPONSE = 6


class Request(IntEnum):
    """What is asked."""

    REPORT = 1
    DELETE = 2
    ABORT = 3
    COUNT = 4


class Code(IntEnum):
    """How a request went."""

    SUCCESS = 1
    OPCODE_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS = 6
    ABORT_FAILED = 7
    NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9


class Count(Struct, frozen=True):
    """The answer to a count."""

    records: int


class Answer(Struct, frozen=True):
    """The answer to any other request; both are numbers, for a device may send one of its own."""

    request: int
    code: int


REPORT_ALL = bytes((Request.REPORT, 1))
COUNT_ALL = bytes((Request.COUNT, 1))
DELETE_ALL = bytes((Request.DELETE, 1))
ABORT = bytes((Request.ABORT, 0))


def decode(data: bytes) -> Count | Answer:
    """What the meter indicated; raises Damaged when it is no answer."""
    if len(data) < 4:
        raise Damaged(ErrorReason.TRUNCATED, f"{len(data)} bytes, an answer has 4")
    if data[0] == _COUNT_RESPONSE:
        return Count(int.from_bytes(data[2:4], "little"))
    if data[0] == _RESPONSE:
        return Answer(data[2], data[3])
    raise Damaged(ErrorReason.CONTENT, f"opcode {data[0]} is no answer")
