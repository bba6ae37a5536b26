"""MQTT topics: `koffert/v1/<device>/up/<lane>`, `koffert/v1/<device>/down/<kind>`."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from koffert_wire.identifiers import is_device_id

ROOT = "koffert/v1"
HUB_STATE = f"{ROOT}/hub/state"
UP_ANY_DEVICE = f"{ROOT}/+/up"
UP_CALL_ANY_DEVICE = f"{UP_ANY_DEVICE}/call"
UP_LINK_ANY_DEVICE = f"{UP_ANY_DEVICE}/link"
# What a box retains on its `up_link` while it is connected, and what the broker puts there when it is gone.
LINK_UP, LINK_GONE = b"1", b"0"


class Lane(StrEnum):
    """Alarms overtake vitals, vitals overtake bulk; the order of the members is that priority."""

    ALARM = "alarm"
    VITALS = "vitals"
    BULK = "bulk"


class DownKind(StrEnum):
    """What the hub sends to a box."""

    RECEIPT = "receipt"
    COMMAND = "command"
    CALL = "call"


# A hub hears the same few thousand topics all day.
_TOPICS_KEPT = 16_384
_UP_CALL = re.compile(f"{ROOT}/(?P<device>[^/]+)/up/call")
_UP_LINK = re.compile(f"{ROOT}/(?P<device>[^/]+)/up/link")
_UP = re.compile(f"{ROOT}/(?P<device>[^/]+)/up/(?P<lane>{'|'.join(Lane)})")


class UpTopic(NamedTuple):
    """The two things an up topic says."""

    device: str
    lane: Lane


def up(device: str, lane: Lane) -> str:
    """The topic on which `device` sends transmissions of `lane`."""
    return f"{ROOT}/{device}/up/{lane.value}"


def up_call(device: str) -> str:
    """The topic on which `device` signals in a call; no lane, because nothing of it is queued."""
    return f"{ROOT}/{device}/up/call"


def parse_up_call(topic: str) -> str | None:
    """The device of an `up_call` topic, or None when `topic` is not one."""
    match = _UP_CALL.fullmatch(topic)
    return match["device"] if match is not None and is_device_id(match["device"]) else None


def up_link(device: str) -> str:
    """The topic on which the broker keeps whether `device` is connected."""
    return f"{ROOT}/{device}/up/link"


def parse_up_link(topic: str) -> str | None:
    """The device of an `up_link` topic, or None when `topic` is not one."""
    match = _UP_LINK.fullmatch(topic)
    return match["device"] if match is not None and is_device_id(match["device"]) else None


def down(device: str, kind: DownKind) -> str:
    """The topic on which the hub sends `kind` to `device`."""
    return f"{ROOT}/{device}/down/{kind.value}"


def down_any_kind(device: str) -> str:
    """The subscription of a box: everything that the hub sends to it."""
    return f"{ROOT}/{device}/down/+"


def up_any_device(lane: Lane) -> str:
    """The subscription of a hub worker for one lane."""
    return f"{UP_ANY_DEVICE}/{lane.value}"


@lru_cache(maxsize=_TOPICS_KEPT)
def parse_up(topic: str) -> UpTopic | None:
    """The device and lane of an up topic, or None when `topic` is not one."""
    match = _UP.fullmatch(topic)
    if match is None or not is_device_id(match["device"]):
        return None
    return UpTopic(match["device"], Lane(match["lane"]))
