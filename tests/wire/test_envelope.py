"""The payload: golden bytes, round trips, and every way in which one can be bad."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from koffert_wire import envelope, sealing
from koffert_wire.envelope import BodyCodec, Header, SendStamp
from koffert_wire.errors import Reason, UnreadableBody, UnreadablePayload, UntrustedPayload
from koffert_wire.messages import Instant, Message, Mode, Reading
from koffert_wire.topics import Lane

HUB_KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
HUB_PUBLIC = HUB_KEY.public_key()
KEY_ID = sealing.key_id(HUB_PUBLIC)
KEYS = {KEY_ID: HUB_KEY}
LINK_KEY = bytes(range(100, 132))
AT = Instant(boottime_ns=1_000_000_000, wall_ns=1_795_309_200_000_000_000, wall_trusted=True)
READING = Reading(
    id=bytes(range(16)),
    at=AT,
    sensor="contec-v7",
    sensor_serial=None,
    mode=Mode.CONTINUOUS,
    values={"spo2_pct": 91.0, "pulse_bpm": None},
    quality=0.9,
    flags=("low-perfusion",),
)


def header(codec: BodyCodec, *, count: int = 1, key: bytes = KEY_ID) -> Header:
    return Header(
        id=b"i" * 16,
        device="koffert-0001",
        loan="lan-1",
        outbox=b"o" * 16,
        lane=Lane.VITALS,
        sequence=7,
        boot=b"b" * 16,
        created=AT,
        kind="reading",
        count=count,
        codec=codec,
        part=0,
        parts=1,
        sealing_key=key,
    )


STAMP = SendStamp(boot=b"b" * 16, sent=AT, lowest_queued={Lane.VITALS: 7})


def payload(messages: list[Message], *, count: int | None = None, key: bytes = KEY_ID) -> bytes:
    codec, packed = envelope.pack_body(messages)
    head = header(codec, count=len(messages) if count is None else count, key=key)
    sealed = envelope.seal_transmission(head, packed, HUB_PUBLIC)
    return envelope.stamp_payload(sealed, STAMP, LINK_KEY)


def opened(data: bytes) -> list[Message]:
    parsed = envelope.parse_payload(data)
    envelope.authenticate(parsed, LINK_KEY)
    return envelope.open_body(parsed, KEYS)


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
readings = st.builds(
    Reading,
    id=st.binary(min_size=16, max_size=16),
    at=st.builds(
        Instant,
        boottime_ns=st.integers(0, 2**62),
        wall_ns=st.integers(-(2**62), 2**62),
        wall_trusted=st.booleans(),
    ),
    sensor=st.text(max_size=20),
    sensor_serial=st.none() | st.text(max_size=10),
    mode=st.sampled_from(Mode),
    values=st.dictionaries(st.text(max_size=12), st.none() | finite, max_size=5),
    quality=finite,
    flags=st.lists(st.text(max_size=8), max_size=3).map(tuple),
)


@given(st.lists(readings, min_size=1, max_size=20))
def test_what_is_sealed_opens_to_the_same_messages(messages: list[Message]) -> None:
    data = payload(messages)
    assert opened(data) == messages
    assert envelope.parse_payload(data).stamp == STAMP


def test_many_readings_are_compressed_and_one_is_not() -> None:
    assert envelope.pack_body([READING])[0] is BodyCodec.PLAIN
    assert envelope.pack_body([READING] * 20)[0] is BodyCodec.ZSTD


def test_a_body_does_not_show_its_values() -> None:
    assert b"spo2_pct" not in payload([READING])


def test_any_flipped_bit_is_noticed() -> None:
    data = payload([READING])
    for index in range(len(data)):
        damaged = data[:index] + bytes([data[index] ^ 0x01]) + data[index + 1 :]
        with pytest.raises((UnreadablePayload, UntrustedPayload)):
            opened(damaged)


@given(st.binary(max_size=400))
def test_garbage_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        envelope.parse_payload(data)


@given(st.integers(0, 340))
def test_a_truncated_payload_is_a_typed_error(length: int) -> None:
    with pytest.raises(UnreadablePayload):
        envelope.parse_payload(payload([READING])[:length])


def test_an_unknown_version_is_named() -> None:
    newer = msgspec.msgpack.encode((2, b"", b"", b"", b""))
    with pytest.raises(UnreadablePayload) as caught:
        envelope.parse_payload(newer)
    assert caught.value.reason is Reason.UNSUPPORTED_VERSION


def test_an_oversize_payload_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(UnreadablePayload) as caught:
        envelope.parse_payload(bytes(envelope.MAX_PAYLOAD_BYTES + 1))
    assert caught.value.reason is Reason.OVERSIZE


def test_another_boxs_link_key_is_not_trusted() -> None:
    parsed = envelope.parse_payload(payload([READING]))
    with pytest.raises(UntrustedPayload) as caught:
        envelope.authenticate(parsed, b"x" * 32)
    assert caught.value.reason is Reason.WRONG_MAC


def test_a_body_for_a_key_that_is_not_here_may_be_sent_later() -> None:
    parsed = envelope.parse_payload(payload([READING], key=b"elsewhere"[:8]))
    with pytest.raises(UntrustedPayload) as caught:
        envelope.open_body(parsed, KEYS)
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_a_body_under_another_header_does_not_open() -> None:
    _, packed = envelope.pack_body([READING])
    sealed = envelope.seal_transmission(header(BodyCodec.PLAIN), packed, HUB_PUBLIC)
    other = msgspec.msgpack.encode(msgspec.structs.replace(header(BodyCodec.PLAIN), loan="lan-2"))
    data = envelope.stamp_payload(envelope.Sealed(other, sealed.body), STAMP, LINK_KEY)
    with pytest.raises(UnreadableBody):
        opened(data)


def test_a_count_that_does_not_fit_is_a_damaged_body() -> None:
    with pytest.raises(UnreadableBody):
        opened(payload([READING], count=2))


def test_a_decompression_bomb_is_a_damaged_body() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(bytes(envelope.MAX_BODY_BYTES + 1))
    sealed = envelope.seal_transmission(header(BodyCodec.ZSTD), bomb, HUB_PUBLIC)
    with pytest.raises(UnreadableBody):
        opened(envelope.stamp_payload(sealed, STAMP, LINK_KEY))


def test_a_newer_writers_extra_fields_are_ignored() -> None:
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode([READING]))
    longer = msgspec.msgpack.encode([[*fields[0], "a field of version 1.7"]])
    sealed = envelope.seal_transmission(header(BodyCodec.PLAIN), longer, HUB_PUBLIC)
    assert opened(envelope.stamp_payload(sealed, STAMP, LINK_KEY)) == [READING]
