"""What the hub sends: authenticated, addressed, and never mistaken for what a box sends."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_wire import downlink, sealing
from koffert_wire.downlink import Down, HubState, Receipt
from koffert_wire.errors import Reason, UnreadablePayload, UntrustedPayload
from koffert_wire.topics import DownKind

LINK_KEY = bytes(range(32))
RECEIPT = Receipt(
    hub_epoch=b"e" * 16,
    log_sequence=41,
    log_head=b"h" * 32,
    stored=(b"a" * 16, b"b" * 16),
    retry_later=((b"c" * 16, Reason.UNKNOWN_KEY),),
)
DOWN = Down(
    DownKind.RECEIPT, b"m" * 16, 1_795_309_200_000_000_000, downlink.encode_receipt(RECEIPT)
)


def test_a_receipt_arrives_as_it_was_written() -> None:
    data = downlink.encode_down(DOWN, "koffert-0001", LINK_KEY)
    down = downlink.decode_down(data, "koffert-0001", LINK_KEY)
    assert down == DOWN
    assert downlink.decode_receipt(down.body) == RECEIPT


def test_the_hub_state_arrives_as_it_was_written() -> None:
    state = HubState(hub_epoch=b"e" * 16, started_ns=1)
    assert downlink.decode_hub_state(downlink.encode_hub_state(state)) == state


def test_a_message_for_another_box_is_not_trusted() -> None:
    data = downlink.encode_down(DOWN, "koffert-0002", LINK_KEY)
    with pytest.raises(UntrustedPayload) as caught:
        downlink.decode_down(data, "koffert-0001", LINK_KEY)
    assert caught.value.reason is Reason.FOREIGN_DEVICE


def test_any_flipped_bit_is_noticed() -> None:
    data = downlink.encode_down(DOWN, "koffert-0001", LINK_KEY)
    for index in range(len(data)):
        damaged = data[:index] + bytes([data[index] ^ 0x01]) + data[index + 1 :]
        with pytest.raises((UnreadablePayload, UntrustedPayload)):
            downlink.decode_down(damaged, "koffert-0001", LINK_KEY)


def test_an_up_mac_is_no_down_mac() -> None:
    fields = (1, "receipt", "koffert-0001", b"m" * 16, 0, b"")
    forged = sealing.mac(LINK_KEY, b"koffert-v1-up", msgspec.msgpack.encode(fields))
    with pytest.raises(UntrustedPayload):
        downlink.decode_down(msgspec.msgpack.encode((*fields, forged)), "koffert-0001", LINK_KEY)


@given(st.binary(max_size=200))
def test_garbage_is_a_typed_error(data: bytes) -> None:
    for decode in (downlink.decode_receipt, downlink.decode_hub_state):
        with pytest.raises(UnreadablePayload):
            decode(b"\xc1" + data)
    with pytest.raises((UnreadablePayload, UntrustedPayload)):
        downlink.decode_down(data, "koffert-0001", LINK_KEY)
