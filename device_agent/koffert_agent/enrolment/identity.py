"""The box's identity on disk, in `<data_dir>/identity`, all of mode 0600 and replaced whole.

identity.json   who we are and where the broker is; written last, so that it vouches for the others
device.pem      our key, our certificate and the issuing authority's, in one file: never half new
link.key        what our MACs are made with
sealing.pub     the hub's key, to which bodies are sealed
ca.crt          the root that the broker must descend from
pending.json    an enrolment under way: its keys, so that a lost answer can be asked for again
"""

import contextlib
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Struct

from koffert_wire.mqtt import TlsFiles
from koffert_wire.private_files import replace_private, sync_folder

FOLDER = "identity"

_T = TypeVar("_T")


class DamagedIdentity(Exception):
    """The identity's files cannot be read: the box has to be enrolled again."""


class Identity(Struct, frozen=True):
    """Who the box is, and who made it that; `token_digest` tells which token it came from."""

    device: str
    broker_host: str
    broker_port: int
    desk_host: str
    desk_port: int
    token_digest: bytes


class Pending(Struct, frozen=True):
    """The keys of an enrolment that has not been answered yet."""

    token_digest: bytes
    key_pem: bytes
    exchange_key: bytes


class IdentityFiles(Struct, frozen=True):
    """Where the identity is."""

    folder: Path

    @property
    def tls(self) -> TlsFiles:
        """What proves us to the broker, and it to us."""
        return TlsFiles(self.folder / "ca.crt", self.device_pem, self.device_pem)

    @property
    def device_pem(self) -> Path:
        """Key and certificates."""
        return self.folder / "device.pem"

    @property
    def link_key(self) -> Path:
        """The key that we share with the hub."""
        return self.folder / "link.key"

    @property
    def sealing_key(self) -> Path:
        """The hub's public key."""
        return self.folder / "sealing.pub"

    def read(self) -> Identity | None:
        """Who we are; None before the first enrolment. Raises DamagedIdentity."""
        return self._read("identity.json", Identity)

    def pending(self) -> Pending | None:
        """The enrolment under way. Raises DamagedIdentity."""
        return self._read("pending.json", Pending)

    def write_pending(self, pending: Pending) -> None:
        """Remember the keys before anybody else hears of them."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_private(self.folder / "pending.json", msgspec.json.encode(pending))

    def write(
        self, identity: Identity, *, ca_pem: bytes, device_pem: bytes, link: bytes, sealing: bytes
    ) -> None:
        """Become this box; the enrolment is then no longer under way."""
        replace_private(self.tls.ca, ca_pem)
        replace_private(self.device_pem, device_pem)
        replace_private(self.link_key, link)
        replace_private(self.sealing_key, sealing)
        replace_private(self.folder / "identity.json", msgspec.json.encode(identity))
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "pending.json").unlink()
        sync_folder(self.folder)

    def _read(self, name: str, kind: type[_T]) -> _T | None:
        path = self.folder / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DamagedIdentity(f"{path}: {error}") from error


def identity_files(data_dir: Path) -> IdentityFiles:
    """The identity of the box whose data is in `data_dir`."""
    return IdentityFiles(data_dir / FOLDER)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key that never leaves the box."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as kept."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """A key that was kept; raises DamagedIdentity."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise DamagedIdentity("the key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DamagedIdentity("the key is of another kind")
    return key


def load_exchange_key(raw: bytes) -> X25519PrivateKey:
    """The exchange key of a pending enrolment; raises DamagedIdentity."""
    try:
        return X25519PrivateKey.from_private_bytes(raw)
    except ValueError as error:
        raise DamagedIdentity("the exchange key cannot be read") from error
