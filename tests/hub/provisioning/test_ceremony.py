"""The key ceremony: what it makes, who may read it, what a second time changes."""

import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from koffert_hub.authority import Authority, Revoked, fingerprint
from koffert_hub.provisioning import crl
from koffert_hub.provisioning.ceremony import renew_list
from koffert_hub.provisioning.pki import CeremonyError, Pki, create_authority
from tests.hub.provisioning.site import NOW, PASSPHRASE, ProvisioningSite


def test_all_that_is_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    site = ProvisioningSite(tmp_path)
    for file in (*site.pki.folder.iterdir(), *(site.settings.data_dir / "broker").iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE(site.pki.folder.stat().st_mode) == 0o700


def test_the_roots_key_opens_with_the_passphrase_alone(tmp_path: Path) -> None:
    site = ProvisioningSite(tmp_path)
    pem = site.pki.root_key.read_bytes()
    assert b"ENCRYPTED" in pem
    with pytest.raises(ValueError, match="password"):
        serialization.load_pem_private_key(pem, b"wrong horse battery")
    serialization.load_pem_private_key(pem, PASSPHRASE.encode())


def test_a_second_time_keeps_keys_and_renews_only_what_soon_ends(tmp_path: Path) -> None:
    site = ProvisioningSite(tmp_path)
    keys = {file: file.read_bytes() for file in site.pki.folder.glob("*.key")}
    assert site.prepare(NOW + timedelta(hours=1)).renewed == []
    assert {file: file.read_bytes() for file in keys} == keys
    assert site.prepare(NOW + timedelta(days=340)).renewed == ["server", "hub"]
    site.pki.root_key.unlink()
    assert site.prepare(NOW + timedelta(days=341)).root_key is None


def test_the_root_alone_is_enough_to_trust_what_the_hub_shows(tmp_path: Path) -> None:
    site = ProvisioningSite(tmp_path)
    assert bytes.fromhex(site.prepared.root_fingerprint) == fingerprint(site.pki.root_pem())
    context = ssl.create_default_context(cafile=site.pki.root)
    context.load_cert_chain(site.pki.server.certificate, site.pki.server.key)
    chain = x509.load_pem_x509_certificates(site.pki.server.certificate.read_bytes())
    root = x509.load_pem_x509_certificate(site.pki.root_pem())
    for certificate, issuer in zip(chain, [*chain[1:], root], strict=True):
        certificate.verify_directly_issued_by(issuer)
    assert chain[1].not_valid_after_utc <= root.not_valid_after_utc


def test_a_short_passphrase_makes_nothing(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    with pytest.raises(CeremonyError, match="12 characters"):
        create_authority(pki, "Dalane DMS", "short", NOW)
    assert not pki.folder.exists()
    with pytest.raises(CeremonyError, match="no authority"):
        pki.authority()


def test_an_authority_knows_what_it_signed() -> None:
    ours, other = (Authority.create(name, NOW) for name in ("Koffert", "Koffert"))
    certificate = x509.load_pem_x509_certificate(ours.issue_client("box-1", NOW).certificate_pem)
    assert ours.has_signed(certificate)
    assert not other.has_signed(certificate)


class TestRevocationList:
    """Of two lists, OpenSSL takes the one that was issued later, to the second."""

    def test_each_list_says_it_is_newer_than_the_one_before(self, tmp_path: Path) -> None:
        pki = ProvisioningSite(tmp_path).pki
        issued = []
        for serial in range(1, 4):
            crl.write_list(pki, [Revoked(serial, NOW)], NOW)
            written = x509.load_pem_x509_crl(pki.crl.read_bytes())
            assert written.get_revoked_certificate_by_serial_number(serial) is not None
            issued.append(written.last_update_utc)
        assert issued == sorted(set(issued))
        assert issued[-1] <= NOW

    def test_it_is_renewed_daily_and_lasts_for_weeks(self, tmp_path: Path) -> None:
        site = ProvisioningSite(tmp_path)
        assert not renew_list(site.settings, NOW + timedelta(hours=23))
        assert renew_list(site.settings, NOW + timedelta(hours=25))
        written = x509.load_pem_x509_crl(site.pki.crl.read_bytes())
        assert written.next_update_utc == NOW + timedelta(hours=25) + crl.LIFETIME

    def test_a_broker_that_is_not_there_is_told_nothing(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "broker.pid"
        assert not crl.tell_broker(pid_file)
        pid_file.write_text("nonsense")
        assert not crl.tell_broker(pid_file)
        pid_file.write_text("1")  # somebody's process, but no broker's
        assert not crl.tell_broker(pid_file)
