"""A cart drops a still over HTTP: with its own key, whole, unharmed and for a suitcase that is lent, or not at all."""

import base64
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from koffert_hub.rights.tables import record_state
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.senders import DropSettings, UnfitKey, load_senders
from tests.drivers.stills.samples import beats, scp
from tests.hub.documents.kit import follow, listed
from tests.web.hub import SENDER_KEY, Hub
from tests.web.lent import Lent, lent

STILL = scp(beats(size=5000))
KEY = SENDER_KEY.decode()


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


def address(hub: Hub) -> str:
    (row,) = hub.feed.snapshot().rows
    return f"{hub.url}/drop/{row.suitcase}"


def put(
    url: str, content: bytes, *, name: str = "ecg-cart-1", key: str = KEY, **headers: str
) -> httpx.Response:
    """What a cart sends: no origin, no cookie, no form."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.put(
        url, content=content, auth=(name, key), headers=sent, trust_env=False, timeout=60
    )


def test_a_cart_drops_a_still(hub: Hub, lent: Lent) -> None:
    digest = hashlib.sha256(STILL)
    stated = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    answers = [put(address(hub), STILL, content_digest=stated) for _ in range(2)]
    follow(lent.store)
    (line,) = listed(lent.store, lent.patient)  # the same file twice is one document
    for answer in answers:
        assert answer.status_code == 201
        assert answer.json() == {"document": line.id, "sha256": digest.hexdigest()}
    looks = AccessLog(hub.engine).latest(9, before=2**62, patient=lent.patient)
    assert {(look.username, look.action) for look in looks} == {
        ("drop:ecg-cart-1", Action.BROUGHT_DOCUMENT)
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [("ecg-cart-1", KEY + "x"), ("ecg-cart-2", KEY), ("ecg-cart-1", ""), ("", ""), ("æ", "ø")],
)
def test_a_stranger_is_refused_before_the_file_is_read(
    hub: Hub, lent: Lent, name: str, key: str
) -> None:
    answer = put(address(hub), STILL, name=name, key=key)
    assert (answer.status_code, answer.json()) == (401, {"error": "unknown-sender"})
    assert answer.headers["www-authenticate"].startswith("Basic ")
    follow(lent.store)
    assert listed(lent.store, lent.patient) == []


@pytest.mark.parametrize("header", ["", "Basic", "Basic %%%", "Bearer x", "Basic Og=="])
def test_a_request_without_credentials_is_refused(hub: Hub, lent: Lent, header: str) -> None:
    assert lent.patient
    answer = httpx.put(
        address(hub), content=STILL, headers={"Authorization": header}, trust_env=False, timeout=60
    )
    assert answer.status_code == 401


def test_a_key_cannot_be_tried_for_ever(hub: Hub, lent: Lent) -> None:
    assert lent.patient
    tries = [put(address(hub), b"", key="wrong").status_code for _ in range(6)]
    assert tries == [401] * 5 + [429]
    assert put(address(hub), STILL).status_code == 201  # who has the key is not shut out


def test_half_an_upload_is_never_taken(hub: Hub, lent: Lent) -> None:
    path = address(hub).removeprefix(hub.url)
    credentials = base64.b64encode(b"ecg-cart-1:" + SENDER_KEY).decode()
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Length: {len(STILL)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", hub.port)) as cart:
        cart.sendall(head.encode() + STILL[: len(STILL) // 2])
    chunked = head.replace(f"Content-Length: {len(STILL)}", "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", hub.port)) as cart:
        # All of the still, but not the end of what was to come.
        cart.sendall(chunked.encode() + b"%x\r\n%b\r\n" % (len(STILL), STILL))
    # The server has met both ends once it has answered a later request.
    assert put(address(hub), b"").json() == {"error": "unknown-format"}
    follow(lent.store)
    assert listed(lent.store, lent.patient) == []


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [
        (STILL[:-1], 422, "damaged"),
        (b"no still", 422, "unknown-format"),
        (b"rec 1 500 4\nrec.dat 16 200 12 0 0 0 0 I\n", 422, "incomplete"),
    ],
)
def test_a_file_that_is_no_sound_still_is_refused_with_the_reason(
    hub: Hub, lent: Lent, content: bytes, status: int, word: str
) -> None:
    answer = put(address(hub), content)
    assert (answer.status_code, answer.json()) == (status, {"error": word})
    follow(lent.store)
    assert listed(lent.store, lent.patient) == []


def test_a_file_that_changed_on_its_way_is_refused(hub: Hub, lent: Lent) -> None:
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    answer = put(address(hub), STILL, content_digest=f"sha-256=:{other}:")
    assert (answer.status_code, answer.json()) == (400, {"error": "wrong-digest"})
    follow(lent.store)
    assert listed(lent.store, lent.patient) == []


def test_a_file_that_is_too_large_is_cut_off(hub: Hub, lent: Lent) -> None:
    assert lent.patient
    answer = put(address(hub), bytes(32_000_001))
    assert (answer.status_code, answer.json()) == (413, {"error": "too-large"})


def test_only_a_suitcase_that_is_lent_takes_stills(hub: Hub, lent: Lent) -> None:
    assert put(f"{hub.url}/drop/other", STILL).json() == {"error": "not-lent"}
    with hub.engine.begin() as connection:
        connection.execute(
            record_state.insert().values(
                patient=lent.patient, at_ms=0, by="lege", state="restricted", reason="asked"
            )
        )
    assert put(address(hub), STILL).json() == {"error": "record-put-away"}


def test_keys_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SENDER_KEY + b"\n")
    senders = load_senders(DropSettings(senders={"cart": tmp_path / "key"}))
    assert senders.know("cart", SENDER_KEY)
    assert not senders.know("cart", b"")
    (tmp_path / "key").write_bytes(b"short")
    for name in ("key", "missing"):
        with pytest.raises(UnfitKey):
            load_senders(DropSettings(senders={"cart": tmp_path / name}))
