"""Renewal: asked for in time, tried before it is used, the old one kept until the new one works."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from koffert_agent.clock import NS_PER_S
from koffert_agent.enrolment.enrol import enrol
from koffert_agent.enrolment.failures import EnrolmentError
from koffert_agent.enrolment.identity import Identity, IdentityFiles, identity_files
from koffert_agent.enrolment.renewal import JITTER, Renewer
from koffert_hub.authority import requested_key
from koffert_hub.provisioning.certificates import issue
from koffert_wire.messages import CertificateRequest, Message
from koffert_wire.mqtt import Endpoint, MqttConnection
from koffert_wire.private_files import replace_private
from tests.device_agent.support import ManualClock
from tests.support.enrolment_desk import EnrolmentDesk
from tests.support.mosquitto import Mosquitto

BOX = "koffert-0001"


class RenewingBox:
    """An enrolled box, its renewer, and the hub's side of it."""

    def __init__(self, desk: EnrolmentDesk, broker: Mosquitto, data: Path) -> None:
        self.desk, self.broker = desk, broker
        self.clock = ManualClock()
        self.at(desk.now())
        self.files: IdentityFiles = identity_files(data)
        self.identity: Identity = enrol(
            self.files, desk.code(BOX), lambda: self.clock.wall_ns() // 1_000_000
        )
        self.said: list[Message] = []
        self.reconnects = 0
        self.renewer = Renewer(
            files=self.files,
            identity=self.identity,
            endpoint=Endpoint("127.0.0.1", broker.port, BOX, self.files.tls),
            clock=self.clock,
            random=lambda: 0.5,
            submit=self.said.extend,
            reconnect=self._reconnect,
        )

    def _reconnect(self) -> None:
        self.reconnects += 1

    def at(self, moment: datetime) -> None:
        """Set the box's clock."""
        self.clock.wall = int(moment.timestamp() * NS_PER_S)

    def look(self, jitter: timedelta = timedelta(0)) -> None:
        """One look at the certificate."""
        asyncio.run(self.renewer.look(self.identity, jitter))

    @property
    def requests(self) -> list[bytes]:
        return [message.csr for message in self.said if isinstance(message, CertificateRequest)]

    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.files.device_pem.read_bytes())

    def certified(self, csr: bytes) -> bytes:
        """What the hub answers."""
        authority = self.desk.site.pki.authority()
        return authority.with_chain(authority.certify(BOX, requested_key(csr), self.desk.now()))

    def names(self) -> set[str]:
        return {path.name for path in self.files.folder.iterdir()}


@pytest.fixture(name="box")
def fixture_box(tmp_path: Path) -> Iterator[RenewingBox]:
    with EnrolmentDesk(tmp_path / "hub") as desk:
        broker = desk.site.broker()
        broker.start()
        yield RenewingBox(desk, broker, tmp_path / "data")
        broker.kill()


def test_it_asks_from_day_10_on_and_always_for_the_same_key(box: RenewingBox) -> None:
    began = box.desk.now()
    for days, asked in ((1, 0), (9.9, 0), (10.1, 1), (20, 2)):
        box.at(began + timedelta(days=days))
        box.look()
        assert len(box.requests) == asked, days
    first, second = (requested_key(csr) for csr in box.requests)
    assert first == second
    assert first != box.certificate().public_key()
    box.said.clear()
    box.at(began + timedelta(days=10.1))
    box.look(jitter=JITTER)
    assert box.requests == []


def test_a_clock_that_nobody_vouches_for_starts_nothing(box: RenewingBox) -> None:
    box.at(box.desk.now() + timedelta(days=20))
    box.clock.trusted = False
    box.look()
    assert box.requests == []


def test_the_new_pair_takes_the_old_ones_place_once_it_has_connected(box: RenewingBox) -> None:
    old = box.certificate()
    box.at(box.desk.now() + timedelta(days=11))
    box.look()
    asyncio.run(box.renewer.take(box.certified(box.requests[0])))
    assert box.certificate().serial_number != old.serial_number
    assert box.reconnects == 1
    assert not {"next.key", "next.pem"} & box.names()

    async def connects() -> None:
        connection = MqttConnection(box.renewer.endpoint, on_message=lambda _: None)
        await connection.open()
        await connection.close()

    asyncio.run(connects())


def test_what_does_not_work_is_not_used(box: RenewingBox) -> None:
    old = box.files.device_pem.read_bytes()
    box.at(box.desk.now() + timedelta(days=11))
    box.look()
    good = box.certified(box.requests[0])
    foreign = x509.load_pem_x509_certificate(old)
    asyncio.run(box.renewer.take(b"nonsense"))
    asyncio.run(box.renewer.take(box.desk.site.pki.authority().with_chain(foreign)))
    box.broker.kill()
    asyncio.run(box.renewer.take(good))  # nobody there to try it with
    assert box.files.device_pem.read_bytes() == old
    box.broker.start()
    asyncio.run(box.renewer.take(good))
    assert box.files.device_pem.read_bytes() != old


def test_an_answer_that_nobody_waits_for_changes_nothing(box: RenewingBox) -> None:
    old = box.files.device_pem.read_bytes()
    asyncio.run(box.renewer.take(old))
    assert box.files.device_pem.read_bytes() == old
    assert box.reconnects == 0


def expire(box: RenewingBox, days_ago: float) -> None:
    """The box's certificate ended so long ago, and the hub knows of it."""
    key_pem = box.files.device_pem.read_bytes()
    site = box.desk.site
    issued = box.desk.now() - timedelta(days=30 + days_ago)
    key = x509.load_pem_x509_certificate(key_pem).public_key()
    with site.engine.begin() as connection:
        pem = issue(connection, site.pki.authority(), BOX, key, issued)  # type: ignore[arg-type]
    end = key_pem.index(b"-----BEGIN CERTIFICATE")
    replace_private(box.files.device_pem, key_pem[:end] + pem)


def test_an_expired_certificate_is_renewed_over_https(box: RenewingBox) -> None:
    expire(box, days_ago=20)
    assert box.certificate().not_valid_after_utc < box.desk.now()
    box.look()
    assert box.certificate().not_valid_after_utc > box.desk.now() + timedelta(days=29)
    assert box.reconnects == 1


def test_a_certificate_that_expired_long_ago_is_not(box: RenewingBox) -> None:
    expire(box, days_ago=31)
    with pytest.raises(EnrolmentError):
        box.look()
    assert box.certificate().not_valid_after_utc < box.desk.now()
