"""Bytes of released wire versions: a newer reader must read them for ever.

`golden/v1.json` was written once by version 1; it is never regenerated. A change that breaks this test
breaks the boxes that are out in the homes.
"""

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from koffert_wire import downlink, envelope, messages, sealing
from koffert_wire.messages import (
    Dropped,
    Hello,
    Message,
    SampleCodec,
    SensorLink,
    SensorState,
    WaveformBlock,
)
from koffert_wire.topics import Lane
from tests.wire.test_downlink import DOWN, RECEIPT
from tests.wire.test_envelope import AT, READING, STAMP, header

EXPECTED: list[Message] = [
    READING,
    WaveformBlock(
        id=bytes(range(16, 32)),
        at=AT,
        sensor="contec-v7",
        sensor_serial="S1",
        waveform="pleth",
        rate_hz=60.0,
        count=3,
        codec=SampleCodec.INT16_LE,
        samples=b"\x01\x00\x02\x00\xff\xff",
    ),
    SensorState(at=AT, sensor="contec-v7", sensor_serial=None, link=SensorLink.LOST),
    Hello(at=AT, software_version="0.1.0", hub_epoch=None, queued={Lane.VITALS: 3}),
    Dropped(at=AT, lane=Lane.BULK, first_sequence=5, last_sequence=9, count=5, reason="disk-full"),
]


@pytest.fixture(name="golden")
def fixture_golden() -> dict[str, bytes]:
    stored = json.loads((Path(__file__).parent / "golden" / "v1.json").read_text())
    return {name: bytes.fromhex(text) for name, text in stored.items() if isinstance(text, str)}


def test_version_1_messages_are_still_read(golden: dict[str, bytes]) -> None:
    """Fields that were appended since have their defaults."""
    assert messages.decode_messages(golden["messages"]) == EXPECTED


def test_a_version_1_payload_still_opens(golden: dict[str, bytes]) -> None:
    private_key = X25519PrivateKey.from_private_bytes(golden["hub_private_key"])
    payload = envelope.parse_payload(golden["payload"])
    envelope.authenticate(payload, golden["link_key"])
    keys = {sealing.key_id(private_key.public_key()): private_key}
    assert envelope.open_body(payload, keys) == EXPECTED
    assert payload.header == header(payload.header.codec, count=len(EXPECTED))
    assert payload.header_bytes == golden["header"]
    assert payload.stamp == STAMP


def test_a_version_1_receipt_is_still_read(golden: dict[str, bytes]) -> None:
    down = downlink.decode_down(golden["receipt"], "koffert-0001", golden["receipt_link_key"])
    assert down._replace(body=DOWN.body) == DOWN
    assert downlink.decode_receipt(down.body) == RECEIPT


def test_an_older_reader_takes_what_a_newer_box_writes(golden: dict[str, bytes]) -> None:
    """Only appended to: version 1's bytes are what ours begin with, field by field."""
    ours = msgspec.msgpack.decode(messages.encode_messages(EXPECTED))
    for new, old in zip(ours, msgspec.msgpack.decode(golden["messages"]), strict=True):
        assert new[: len(old)] == old
