"""What to do with one received payload: a pure decision, made before any transaction.

The order of the checks is the order of trust: the topic (the broker vouches for the device), the MAC (the
box proves itself), the header (now believed), the seal, the messages, the loan.
"""

from collections.abc import Mapping
from typing import NamedTuple

from koffert_hub.loans import RULES
from koffert_hub.registry import Device, DeviceState, Loan
from koffert_hub.technical_alerts import Cause
from koffert_wire.envelope import (
    Header,
    Payload,
    authenticate,
    open_messages,
    parse_payload,
    read_messages,
)
from koffert_wire.errors import Reason, UnreadableBody, UnreadablePayload, UntrustedPayload
from koffert_wire.messages import Message, OfPatient
from koffert_wire.sealing import SealingKeys
from koffert_wire.topics import UpTopic, parse_up


class Received(NamedTuple):
    """A payload as it came, with the hub's wall time of its arrival."""

    topic: str
    payload: bytes
    received_ns: int


class Registered(NamedTuple):
    """What the registry knows of the devices and loans that a batch names."""

    devices: Mapping[str, Device]
    loans: Mapping[str, Loan]


class Store(NamedTuple):
    """File it: under the loan, or under the box alone."""

    received: Received
    payload: Payload
    loan: Loan | None
    opened: bytes
    messages: list[Message]


class Quarantine(NamedTuple):
    """Keep it whole and visible; `header` is None when none could be read, so no receipt is possible."""

    received: Received
    device: str
    header: Header | None
    reason: Reason
    detail: str


class Refuse(NamedTuple):
    """Take nothing in; the box keeps it and tries again later."""

    received: Received
    device: str
    header: Header
    reason: Reason
    cause: Cause


class Ignore(NamedTuple):
    """Not addressed to ingest at all."""

    received: Received


Decision = Store | Quarantine | Refuse | Ignore


class Parsed(NamedTuple):
    """A payload with a readable header, on its way to a decision."""

    received: Received
    topic: UpTopic
    payload: Payload


def parse(received: Received) -> Parsed | Quarantine | Ignore:
    """The first step, which needs no registry."""
    topic = parse_up(received.topic)
    if topic is None:
        return Ignore(received)
    try:
        return Parsed(received, topic, parse_payload(received.payload))
    except UnreadablePayload as error:
        return Quarantine(received, topic.device, None, error.reason, str(error))


def decide(parsed: Parsed, registered: Registered, keys: SealingKeys) -> Decision:
    """Store, quarantine or refuse; raises nothing."""
    device = registered.devices.get(parsed.topic.device)
    if device is None:
        return _refuse(parsed, Reason.UNKNOWN_KEY, Cause.UNKNOWN_DEVICE)
    if device.state is DeviceState.REVOKED:
        return _refuse(parsed, Reason.REVOKED, Cause.REVOKED_DEVICE)
    try:
        authenticate(parsed.payload, device.link_key)
    except UntrustedPayload as error:
        return _refuse(parsed, error.reason, Cause.WRONG_MAC)
    header = parsed.payload.header
    if header.device != device.id:
        return _quarantine(parsed, Reason.FOREIGN_DEVICE, "the header names another device")
    if header.lane is not parsed.topic.lane:
        return _quarantine(parsed, Reason.MALFORMED, "the header names another lane")
    return _open(parsed, registered.loans, keys)


def _open(parsed: Parsed, loans: Mapping[str, Loan], keys: SealingKeys) -> Decision:
    try:
        opened = open_messages(parsed.payload, keys)
        messages = read_messages(parsed.payload.header, opened)
    except UntrustedPayload as error:
        return _refuse(parsed, error.reason, Cause.UNKNOWN_KEY)
    except UnreadableBody as error:
        return _quarantine(parsed, error.reason, str(error))
    loan = loans.get(parsed.payload.header.loan or "")
    misfiled = _misfiled(parsed.payload.header, loan, messages)
    if misfiled is not None:
        return _quarantine(parsed, Reason.UNKNOWN_LOAN, misfiled)
    return Store(parsed.received, parsed.payload, loan, opened, messages)


def _misfiled(header: Header, loan: Loan | None, messages: list[Message]) -> str | None:
    """Why this cannot be filed under `loan`; None when it can."""
    if header.loan is None:
        measured = any(isinstance(message, OfPatient) for message in messages)
        return "measured without a loan" if measured else None
    if loan is None or loan.device != header.device:
        return "no such loan of this device"
    return None if RULES[loan.state].files else f"the loan is {loan.state}"


def _refuse(parsed: Parsed, reason: Reason, cause: Cause) -> Refuse:
    return Refuse(parsed.received, parsed.topic.device, parsed.payload.header, reason, cause)


def _quarantine(parsed: Parsed, reason: Reason, detail: str) -> Quarantine:
    return Quarantine(parsed.received, parsed.topic.device, parsed.payload.header, reason, detail)
