"""The authority's files below the data folder, and the ceremony that makes them.

pki/root.key     encrypted with the passphrase; belongs on a stick in a safe, not on the hub
pki/root.crt     what boxes and the hub trust; its fingerprint stands in each enrolment code
pki/issuing.*    signs boxes' certificates and the revocation list, day by day
pki/server.*     the broker's and the enrolment listener's
pki/hub.*        the hub's own, as the broker knows it
pki/crl.pem      what the broker refuses
"""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from koffert_hub.authority import SERVER_LIFETIME, Authority, Identity, fingerprint
from koffert_hub.broker_config import HUB_USER
from koffert_wire.mqtt import TlsFiles
from koffert_wire.private_files import replace_private

# Renewed this early, so that a hub which nobody looks at for weeks still has valid certificates.
RENEW_BEFORE = timedelta(days=60)
# A stolen stick with the root's key must not be a matter of guessing a short word.
MIN_PASSPHRASE_CHARACTERS = 12


class CeremonyError(Exception):
    """The authority cannot be made or used; tell the person, nothing was changed."""


class Pki(Struct, frozen=True):
    """Where the authority's files are."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root's certificate."""
        return self.folder / "root.crt"

    @property
    def root_key(self) -> Path:
        """The root's key, encrypted; absent once it has been taken away."""
        return self.folder / "root.key"

    @property
    def crl(self) -> Path:
        """The revocation list that the broker reads."""
        return self.folder / "crl.pem"

    @property
    def server(self) -> TlsFiles:
        """The broker's and the enrolment listener's certificate."""
        return self._files("server")

    @property
    def hub(self) -> TlsFiles:
        """The hub's certificate as a client of the broker."""
        return self._files(HUB_USER)

    @property
    def exists(self) -> bool:
        """Whether the ceremony has been held."""
        return self._files("issuing").key.exists()

    def authority(self) -> Authority:
        """The issuing authority; raises CeremonyError when there is none."""
        files = self._files("issuing")
        try:
            return Authority(Identity(files.certificate.read_bytes(), files.key.read_bytes()))
        except OSError as error:
            raise CeremonyError(f"no authority in {self.folder}: {error.strerror}") from error

    def root_pem(self) -> bytes:
        """The root's certificate."""
        return self.root.read_bytes()

    def root_fingerprint(self) -> bytes:
        """What an enrolment code says of the root."""
        return fingerprint(self.root_pem())

    def _files(self, name: str) -> TlsFiles:
        return TlsFiles(self.root, self.folder / f"{name}.crt", self.folder / f"{name}.key")


def create_authority(pki: Pki, centre: str, passphrase: str, now: datetime) -> None:
    """Make root and issuing authority; raises CeremonyError when there are some already."""
    if pki.exists:
        raise CeremonyError(f"there is an authority in {pki.folder}")
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise CeremonyError(f"a passphrase has {MIN_PASSPHRASE_CHARACTERS} characters or more")
    pki.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    root = Authority.create_root(f"Koffert root of {centre}", now)
    issuing = root.issue_authority(f"Koffert issuing authority of {centre}", now)
    replace_private(pki.root_key, _encrypted(root.identity.key_pem, passphrase))
    replace_private(pki.root, root.identity.certificate_pem)
    _write(pki, "issuing", issuing.identity)


def renew_certificates(pki: Pki, hosts: tuple[str, ...], now: datetime) -> list[str]:
    """Issue those of the hub's own certificates that are missing or soon end; returns their names."""
    authority = pki.authority()
    renewed = []
    if _is_due(pki.server.certificate, now):
        _write(pki, "server", authority.issue_server(hosts, now))
        renewed.append("server")
    if _is_due(pki.hub.certificate, now):
        _write(pki, HUB_USER, authority.issue_client(HUB_USER, now, SERVER_LIFETIME))
        renewed.append(HUB_USER)
    return renewed


def _is_due(certificate: Path, now: datetime) -> bool:
    if not certificate.exists():
        return True
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    return loaded.not_valid_after_utc - now < RENEW_BEFORE


def _write(pki: Pki, name: str, identity: Identity) -> None:
    """The key first: a certificate without its key would look finished."""
    replace_private(pki.folder / f"{name}.key", identity.key_pem)
    replace_private(pki.folder / f"{name}.crt", identity.certificate_pem)


def _encrypted(key_pem: bytes, passphrase: str) -> bytes:
    key = serialization.load_pem_private_key(key_pem, password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
