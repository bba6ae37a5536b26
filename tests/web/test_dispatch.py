"""Stills sent to a receiving unit: who sees what, the receipt, and what the sender sees until then."""

import re
from collections.abc import Iterator

import httpx
import pytest

from koffert_hub.documents.dispatch import LATE_MS, SHOWN_MS
from koffert_hub.log_record import Event
from koffert_hub.registry import Role, User, create_user, ward
from koffert_hub.rights.tables import record_state
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.session import SessionStore
from tests.hub.documents.kit import listed, named
from tests.web.hub import PASSWORD, UNITS, Hub, client
from tests.web.lent import NAME, Lent, lent
from tests.web.test_documents import STILL, bring

UNIT, OTHER_UNIT = UNITS


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


@pytest.fixture(name="nurse")
def fixture_nurse(hub: Hub) -> httpx.Client:
    return client(hub, Role.NURSE)


@pytest.fixture(name="receiver")
def fixture_receiver(hub: Hub) -> httpx.Client:
    return client(hub, Role.RECEIVER)


def _brought(lent: Lent, nurse: httpx.Client, content: bytes = STILL) -> str:
    """Bring a still in; returns its page's path."""
    bring(lent, nurse, content)
    (line,) = listed(lent.store, lent.patient)
    return f"/patients/{lent.patient}/documents/{line.id}"


def _post(visitor: httpx.Client, path: str, page: str, **data: str) -> httpx.Response:
    csrf = visitor.get(page).text.partition('name="csrf" value="')[2].partition('"')[0]
    return visitor.post(path, data={"csrf": csrf, **data})


def _send(nurse: httpx.Client, path: str, unit: str = UNIT) -> httpx.Response:
    return _post(nurse, f"{path}/dispatch", path, unit=unit)


def _csrf(visitor: httpx.Client) -> str:
    return visitor.get("/account").text.partition('name="csrf" value="')[2].partition('"')[0]


def _session(hub: Hub, username: str) -> httpx.Client:
    user = User(username, Role.RECEIVER, username)
    return hub.visitor(token=SessionStore(hub.engine).start(user, hub.now_ms()))


def _marks(lent: Lent) -> tuple[str, ...]:
    with lent.store.engine.connect() as connection:
        return ward(connection)[0].marks


def _logged(lent: Lent) -> list[tuple[str, str, str | None]]:
    return [
        (one.event, one.result, one.detail)
        for one in lent.store.records()
        if one.event in (Event.DISPATCH, Event.RECEPTION)
    ]


def test_a_still_is_sent_received_and_the_sender_sees_by_whom(
    hub: Hub, lent: Lent, nurse: httpx.Client, receiver: httpx.Client
) -> None:
    path = _brought(lent, nurse)
    assert "Ingen EKG er sendt hit" in receiver.get("/received").text
    assert _send(nurse, path).status_code == 303
    assert "Ikke mottatt ennå" in nurse.get(path).text
    assert "still-sent" in _marks(lent)

    inbox = receiver.get("/received").text
    assert "<title>(1) Mottatte EKG" in inbox
    assert NAME in inbox
    (identifier,) = re.findall(r'href="/received/(\d+)"', inbox)
    assert receiver.get("/api/v1/received").json() == {"newest": int(identifier)}
    theirs = f"/received/{identifier}"
    assert receiver.get(theirs).text.count('class="trace fine-units"') == 13
    assert receiver.get(f"{theirs}/file").content == STILL
    for _ in range(2):
        assert _post(receiver, theirs, "/account").status_code == 303

    for page in (path, f"/patients/{lent.patient}/documents"):
        assert re.search(r"✓ Mottatt \S+ \S+ av Mottaker Test", nurse.get(page).text)
    assert "still-sent" not in _marks(lent)
    detail = f"{path.rpartition('/')[2]} {UNIT}"
    assert _logged(lent) == [("dispatch", "sent", detail), ("reception", "done", detail)]
    looks = AccessLog(hub.engine).latest(30, before=2**62, patient=lent.patient)
    done = [look.action for look in looks if look.username == Role.RECEIVER]
    assert done.count(Action.RECEIVED_DOCUMENT) == 1
    assert Action.SAW_DOCUMENT in done


def test_what_nobody_received_says_so_and_is_not_sent_twice(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    path = _brought(lent, nurse)
    _send(nurse, path)
    hub.offset_ms += LATE_MS + 1000
    _send(nurse, path)
    html = nurse.get(path).text
    assert html.count("▲ Ikke mottatt: ring enheten") == 1
    assert len(_logged(lent)) == 1


def test_a_receiver_sees_nothing_but_what_its_own_unit_was_sent(
    hub: Hub, lent: Lent, nurse: httpx.Client, receiver: httpx.Client
) -> None:
    path = _brought(lent, nurse)
    with hub.engine.begin() as connection:
        create_user(connection, "other", PASSWORD, Role.RECEIVER, "Andre", unit=OTHER_UNIT)
        create_user(connection, "none", PASSWORD, Role.RECEIVER, "Ingen")
    assert _send(nurse, path, OTHER_UNIT).status_code == 303
    for page in (path, f"{path}/file", f"/patients/{lent.patient}", "/", "/patients", "/log"):
        assert receiver.get(page).status_code == 403, page
    for method, page in (("GET", ""), ("GET", "/file"), ("POST", "")):
        csrf = {"csrf": _csrf(receiver)}
        answer = receiver.request(method, f"/received/1{page}", data=csrf)
        assert answer.status_code == 404, (method, page)
    assert NAME not in receiver.get("/received").text
    for username, status in (("other", 200), ("none", 404)):
        visitor = _session(hub, username)
        assert visitor.get("/received").status_code == 200
        assert visitor.get("/received/1").status_code == status


def test_where_nobody_can_receive_nothing_is_sent(lent: Lent, nurse: httpx.Client) -> None:
    path = _brought(lent, nurse)
    assert "Lungeposten, SUS (ingen kan motta der)" in nurse.get(path).text
    for unit in (OTHER_UNIT, "elsewhere", ""):
        assert _send(nurse, path, unit).status_code in (404, 422)
    assert _logged(lent) == []


def test_a_still_of_another_person_is_not_sent(lent: Lent, nurse: httpx.Client) -> None:
    path = _brought(lent, nurse, named("Testpasient", "9"))
    assert _send(nurse, path).status_code == 409


@pytest.mark.parametrize("way", ["old", "restricted"])
def test_it_is_shown_for_a_while_and_as_long_as_the_record_is_open(
    hub: Hub, lent: Lent, nurse: httpx.Client, receiver: httpx.Client, way: str
) -> None:
    _send(nurse, _brought(lent, nurse))
    if way == "old":
        hub.offset_ms += SHOWN_MS
        receiver = client(hub, Role.RECEIVER)
    else:
        with hub.engine.begin() as connection:
            connection.execute(
                record_state.insert().values(
                    patient=lent.patient, at_ms=0, by="lege", state="restricted", reason="asked"
                )
            )
    assert NAME not in receiver.get("/received").text
    assert receiver.get("/received/1").status_code == 404
