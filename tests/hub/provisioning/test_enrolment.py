"""Tokens are redeemed once, by the box that holds the key; everything else is refused and seen."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.provisioning.ceremony import broker_pid_file
from koffert_hub.provisioning.endpoint import MAX_REQUEST_BYTES, create_enrolment_app
from koffert_hub.provisioning.office import Office
from koffert_hub.provisioning.service import ProvisioningService
from koffert_hub.provisioning.tokens import MAX_TOKEN_LIFETIME, announce, mint
from koffert_hub.registry import DeviceState, RegistryError
from koffert_hub.technical_alerts import Cause, open_alerts
from koffert_wire.enrolment import (
    AUTHORITY_PATH,
    ENROL_PATH,
    AuthorityReply,
    EnrolReply,
    Refusal,
    Refused,
)
from tests.hub.provisioning.box import NewBox, names
from tests.hub.provisioning.site import NOW, ProvisioningSite

PARALLEL = 64
SEALING_KEY = bytes(32)


class Desk:
    """An office whose clock the test sets."""

    def __init__(self, folder: Path) -> None:
        self.site = ProvisioningSite(folder)
        self.now: datetime = NOW
        self.office = Office(
            engine=self.site.engine,
            pki=self.site.pki,
            authority=self.site.pki.authority(),
            sealing_key=SEALING_KEY,
            provisioning=self.site.provisioning,
            broker_pid_file=broker_pid_file(self.site.settings),
            now=lambda: self.now,
        )

    def announce(self, device: str = "koffert-0001") -> str:
        """A new box and its token."""
        with self.site.engine.begin() as connection:
            announce(connection, device, centre=self.site.centre, label="", now=self.now)
            return mint(connection, device, now=self.now)

    def mint(self, device: str) -> str:
        """Another token."""
        with self.site.engine.begin() as connection:
            return mint(connection, device, now=self.now)

    def enrolled(self, box: NewBox, token: str) -> EnrolReply:
        """Enrol; AssertionError when refused."""
        reply = self.office.enrol(box.request(token))
        assert isinstance(reply, EnrolReply), reply
        return reply

    def device(self, device: str) -> registry.Device:
        with reading(self.site.engine) as connection:
            return registry.devices(connection, [device])[device]

    def alerts(self) -> dict[tuple[str, str], int]:
        with reading(self.site.engine) as connection:
            return {(a.device, a.cause): a.count for a in open_alerts(connection)}


@pytest.fixture(name="desk")
def fixture_desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.site.engine.dispose()


def test_a_token_gives_a_name_a_certificate_and_a_shared_key(desk: Desk) -> None:
    token, box = desk.announce(), NewBox()
    reply = desk.enrolled(box, token)
    assert reply.device == "koffert-0001"
    assert names(reply.certificates_pem)[0] == "koffert-0001"
    leaf = x509.load_pem_x509_certificate(reply.certificates_pem)
    assert leaf.not_valid_after_utc == NOW + timedelta(days=30)
    assert leaf.public_key() == box.key.public_key()
    device = desk.device("koffert-0001")
    assert device.state is DeviceState.ACTIVE
    assert device.link_key == box.link_key(reply)
    assert desk.alerts() == {}


def test_the_name_never_comes_from_the_request(desk: Desk) -> None:
    token = desk.announce("koffert-0002")
    reply = desk.enrolled(NewBox(common_name="hub"), token)
    assert names(reply.certificates_pem)[0] == "koffert-0002"


def test_a_lost_answer_is_given_again_to_the_same_key(desk: Desk) -> None:
    token, box = desk.announce(), NewBox()
    first, second = desk.enrolled(box, token), desk.enrolled(box, token)
    assert first.certificates_pem == second.certificates_pem
    assert box.link_key(first) == box.link_key(second)
    desk.now += timedelta(days=3)  # the answer may be asked for again after the token's own end
    assert desk.enrolled(box, token).certificates_pem == first.certificates_pem
    assert desk.alerts() == {}


def test_another_key_is_refused_and_raises_an_alarm(desk: Desk) -> None:
    token, box = desk.announce(), NewBox()
    reply = desk.enrolled(box, token)
    for _ in range(3):
        assert desk.office.enrol(NewBox().request(token)) == Refused(Refusal.USED_TOKEN)
    assert desk.alerts() == {("koffert-0001", Cause.TOKEN_REUSED): 3}
    assert desk.device("koffert-0001").link_key == box.link_key(reply)


def test_unknown_expired_and_replaced_tokens(desk: Desk) -> None:
    old = desk.announce()
    assert desk.office.enrol(NewBox().request("A" * 24)) == Refused(Refusal.UNKNOWN_TOKEN)
    token = desk.mint("koffert-0001")
    assert desk.office.enrol(NewBox().request(old)) == Refused(Refusal.UNKNOWN_TOKEN)
    desk.now += timedelta(hours=24)
    assert desk.office.enrol(NewBox().request(token)) == Refused(Refusal.EXPIRED_TOKEN)
    assert desk.alerts() == {}


def test_a_new_card_replaces_the_old_one_for_good(desk: Desk) -> None:
    first_token, old_card = desk.announce(), NewBox()
    old = desk.enrolled(old_card, first_token)
    token, new_card = desk.mint("koffert-0001"), NewBox()
    new = desk.enrolled(new_card, token)
    assert new_card.link_key(new) != old_card.link_key(old)
    assert desk.device("koffert-0001").link_key == new_card.link_key(new)
    revoked = x509.load_pem_x509_crl(desk.site.pki.crl.read_bytes())
    old_leaf = x509.load_pem_x509_certificate(old.certificates_pem)
    new_leaf = x509.load_pem_x509_certificate(new.certificates_pem)
    assert revoked.get_revoked_certificate_by_serial_number(old_leaf.serial_number) is not None
    assert revoked.get_revoked_certificate_by_serial_number(new_leaf.serial_number) is None
    # The old card still has its token and key, and must not learn the new link key with them.
    assert desk.office.enrol(old_card.request(first_token)) == Refused(Refusal.USED_TOKEN)


def test_who_does_not_hold_the_key_gets_nothing(desk: Desk) -> None:
    token = desk.announce()
    honest = NewBox().request(token)
    stranger = NewBox()
    wrong_curve = NewBox()
    wrong_curve.key = ec.generate_private_key(ec.SECP384R1())
    bad = (
        msgspec.structs.replace(honest, csr=stranger.csr()),  # another one's request
        msgspec.structs.replace(honest, csr=honest.csr[:-4]),  # cut
        msgspec.structs.replace(honest, exchange_key=b"\x01" * 32),  # the proof is not for this
        msgspec.structs.replace(honest, proof=b""),
        wrong_curve.request(token),
    )
    for request in bad:
        assert desk.office.enrol(request) == Refused(Refusal.BAD_REQUEST)
    # None of it has used the token up.
    assert isinstance(desk.office.enrol(honest), EnrolReply)


def test_names_that_no_box_may_have(desk: Desk) -> None:
    for name in ("hub", "Koffert", "a+b", "", "x" * 41):
        with pytest.raises(RegistryError):
            desk.announce(name)
    desk.announce()
    with pytest.raises(RegistryError, match="there is a box"):
        desk.announce()
    with desk.site.engine.begin() as connection, pytest.raises(RegistryError, match="30 days"):
        mint(connection, "koffert-0001", now=NOW, lifetime=MAX_TOKEN_LIFETIME + timedelta(1))


def test_the_listener_takes_only_small_requests_of_its_own_kind(desk: Desk) -> None:
    async def scenario() -> None:
        transport = httpx.ASGITransport(create_enrolment_app(desk.office))
        async with httpx.AsyncClient(transport=transport, base_url="https://hub") as client:
            huge = await client.post(ENROL_PATH, content=b"x" * (MAX_REQUEST_BYTES + 1))
            assert huge.status_code == 413
            for body in (b"", b"[]", b'{"token":"A"}', b"\xff"):
                assert (await client.post(ENROL_PATH, content=body)).status_code == 400
            assert (await client.get(ENROL_PATH)).status_code == 405
            shown = (await client.get(AUTHORITY_PATH)).content
            reply = msgspec.json.decode(shown, type=AuthorityReply)
            root = x509.load_der_x509_certificate(reply.certificate)
            assert root == x509.load_pem_x509_certificate(desk.site.pki.root_pem())

    asyncio.run(scenario())


def test_of_64_boxes_with_one_token_exactly_one_gets_a_certificate(desk: Desk) -> None:
    """Over real HTTPS, all at once."""
    desk.now = datetime.now(NOW.tzinfo)
    desk.site.prepare(desk.now)
    token = desk.announce()
    requests = [msgspec.json.encode(NewBox().request(token)) for _ in range(PARALLEL)]
    site = desk.site

    async def scenario() -> list[int]:
        service = ProvisioningService(site.settings, site.provisioning, site.engine, SEALING_KEY)
        running = asyncio.create_task(service.run())
        context = ssl.create_default_context(cafile=site.pki.root)
        limits = httpx.Limits(max_connections=PARALLEL)
        url = f"https://127.0.0.1:{site.provisioning.port}"
        async with httpx.AsyncClient(verify=context, base_url=url, limits=limits) as client:
            await _answers(client)
            replies = await asyncio.gather(
                *(client.post(ENROL_PATH, content=body, timeout=30) for body in requests)
            )
        service.stop()
        await running
        return [reply.status_code for reply in replies]

    codes = asyncio.run(scenario())
    assert sorted(codes) == [200] + [403] * (PARALLEL - 1)
    assert desk.alerts() == {("koffert-0001", Cause.TOKEN_REUSED): PARALLEL - 1}
    with reading(site.engine) as connection:
        issued = connection.exec_driver_sql("SELECT count(*) FROM device_certificate").scalar_one()
    assert issued == 1


async def _answers(client: httpx.AsyncClient) -> None:
    """Wait until the listener is there."""
    async with asyncio.timeout(40):
        while True:
            try:
                await client.get(AUTHORITY_PATH)
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
            else:
                return
