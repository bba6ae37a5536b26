"""New certificates for known boxes: over the link in time, over HTTPS within a month, else by a person."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from koffert_hub import registry
from koffert_hub.authority import Authority, certificate_pem
from koffert_hub.database import reading
from koffert_hub.ingest import Received
from koffert_hub.intake import Intake
from koffert_hub.keys import load_keys
from koffert_hub.provisioning.desired_state import desire, unfollowed
from koffert_hub.provisioning.reactions import Reactions
from koffert_hub.provisioning.renewal import GRACE, MAX_PER_DAY
from koffert_hub.provisioning.revocation import revoke_device
from koffert_hub.technical_alerts import Cause
from koffert_hub.times import to_ms
from koffert_wire.commands import DesiredState, NewCertificate
from koffert_wire.enrolment import Refusal, Refused, RenewReply, RenewRequest, renewal_proof_bytes
from koffert_wire.messages import CertificateRequest, Hello, Message, StateApplied
from tests.hub.box import NOON_NS, Box
from tests.hub.provisioning.box import NewBox, names
from tests.hub.provisioning.site import NOW
from tests.hub.provisioning.test_enrolment import Desk

BOX = "koffert-0001"
AFTER_EXPIRY = timedelta(days=40)


class Enrolled:
    """A desk with one enrolled box, and what that box says put through ingest."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.card = NewBox()
        reply = self.desk.enrolled(self.card, self.desk.announce(BOX))
        self.certificate = x509.load_pem_x509_certificate(reply.certificates_pem)
        self.engine = self.desk.site.engine
        keys = load_keys(self.desk.site.settings.data_dir)
        hub_key = next(iter(keys.sealing.values())).public_key()
        self.box = Box(BOX, hub_key)
        self.box.link_key = self.card.link_key(reply)
        self._intake = Intake(self.engine, keys.sealing, random=bytes)
        self.reactions = Reactions(self.engine, self.desk.office.authority)

    def say(self, message: Message, kind: str) -> None:
        """The box sends one message, and ingest stores it."""
        queued = self.box.queue([message], kind=kind)
        received = Received(queued.topic, queued.payload(), NOON_NS)
        self._intake.take([received], now_ms=to_ms(NOW))

    def hello(self) -> None:
        self.say(Hello(self.box.now(), "0.1.0", None, {}), "hello")

    def request(self, new: NewBox, **changes: object) -> RenewRequest:
        """For an expired certificate, on the old key's word."""
        csr = new.csr()
        fields: dict[str, object] = {
            "certificate_pem": certificate_pem(self.certificate),
            "csr": csr,
            "proof": self.card.sign(renewal_proof_bytes(csr)),
        }
        return RenewRequest(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(name="enrolled")
def fixture_enrolled(tmp_path: Path) -> Iterator[Enrolled]:
    enrolled = Enrolled(tmp_path)
    yield enrolled
    enrolled.engine.dispose()


class TestOverHttps:
    """What the old key vouches for."""

    def test_an_expired_certificate_is_renewed_for_a_new_key(self, enrolled: Enrolled) -> None:
        enrolled.desk.now = NOW + AFTER_EXPIRY
        new = NewBox(common_name="hub")
        reply = enrolled.desk.office.renew(enrolled.request(new))
        assert isinstance(reply, RenewReply)
        assert names(reply.certificates_pem)[0] == BOX
        leaf = x509.load_pem_x509_certificate(reply.certificates_pem)
        assert leaf.public_key() == new.key.public_key()
        assert leaf.not_valid_after_utc == NOW + AFTER_EXPIRY + timedelta(days=30)

    def test_a_month_later_a_person_must_look(self, enrolled: Enrolled) -> None:
        enrolled.desk.now = enrolled.certificate.not_valid_after_utc + GRACE + timedelta(hours=1)
        refused = enrolled.desk.office.renew(enrolled.request(NewBox()))
        assert refused == Refused(Refusal.EXPIRED_LONG_AGO)

    def test_a_revoked_box_gets_nothing(self, enrolled: Enrolled) -> None:
        with enrolled.engine.begin() as connection:
            revoke_device(connection, BOX, reason="lost", now=NOW)
        assert enrolled.desk.office.renew(enrolled.request(NewBox())) == Refused(Refusal.REVOKED)

    def test_who_does_not_hold_the_old_key_gets_nothing(self, enrolled: Enrolled) -> None:
        new, thief = NewBox(), NewBox()
        other = Authority.create("other", NOW).certify(BOX, thief.key.public_key(), NOW)
        csr = new.csr()
        for request in (
            enrolled.request(new, proof=thief.sign(renewal_proof_bytes(csr))),
            enrolled.request(new, csr=thief.csr()),
            enrolled.request(new, certificate_pem=b"nonsense"),
            enrolled.request(
                new,
                certificate_pem=certificate_pem(other),
                csr=csr,
                proof=thief.sign(renewal_proof_bytes(csr)),
            ),
        ):
            assert enrolled.desk.office.renew(request) == Refused(Refusal.BAD_REQUEST)


class TestOverTheLink:
    """What a box says in an authenticated transmission."""

    def test_a_request_is_answered_once(self, enrolled: Enrolled) -> None:
        new = NewBox()
        enrolled.say(CertificateRequest(enrolled.box.now(), new.csr()), "certificate-request")
        (answer,) = enrolled.reactions.step(NOW)
        assert answer.device == BOX
        assert isinstance(answer.command, NewCertificate)
        leaf = x509.load_pem_x509_certificate(answer.command.certificates_pem)
        assert leaf.public_key() == new.key.public_key()
        assert enrolled.reactions.step(NOW) == []

    def test_nonsense_and_floods_are_not(self, enrolled: Enrolled) -> None:
        enrolled.say(CertificateRequest(enrolled.box.now(), b"nonsense"), "certificate-request")
        for _ in range(MAX_PER_DAY + 5):
            request = CertificateRequest(enrolled.box.now(), NewBox().csr())
            enrolled.say(request, "certificate-request")
        # The one of the enrolment counts.
        assert len(enrolled.reactions.step(NOW)) == MAX_PER_DAY - 1

    def test_a_hello_is_answered_with_what_the_box_should_be(self, enrolled: Enrolled) -> None:
        enrolled.hello()
        assert enrolled.reactions.step(NOW) == []
        with enrolled.engine.begin() as connection:
            desire(connection, BOX, loan="l-1", ends_ms=5, now=NOW)
        enrolled.hello()
        (answer,) = enrolled.reactions.step(NOW)
        assert answer.command == DesiredState(1, "l-1", 5, locked=False)
        enrolled.say(StateApplied(enrolled.box.now(), 1), "state-applied")
        enrolled.hello()
        assert enrolled.reactions.step(NOW) == []
        with reading(enrolled.engine) as connection:
            assert unfollowed(connection) == []

    def test_two_machines_with_one_identity_are_seen(self, enrolled: Enrolled) -> None:
        first, second = b"1" * 16, b"2" * 16
        for boot in (first, first, second, second):  # it was only restarted
            enrolled.box.boot = boot
            enrolled.hello()
        enrolled.reactions.step(NOW)
        assert enrolled.desk.alerts() == {}
        for boot in (first, second):
            enrolled.box.boot = boot
            enrolled.hello()
        enrolled.reactions.step(NOW)
        assert enrolled.desk.alerts() == {(BOX, Cause.CLONED_IDENTITY): 2}

    def test_boxes_of_other_provisioning_are_left_alone(self, enrolled: Enrolled) -> None:
        """A box whose keys were put in place by hand has no row here."""
        by_hand = Box("by-hand", enrolled.box.hub_key)
        with enrolled.engine.begin() as connection:
            registry.create_device(
                connection, "by-hand", by_hand.link_key, centre=enrolled.desk.site.centre, now_ms=1
            )
        enrolled.box = by_hand
        enrolled.hello()
        enrolled.say(CertificateRequest(by_hand.now(), NewBox().csr()), "certificate-request")
        assert enrolled.reactions.step(NOW) == []
