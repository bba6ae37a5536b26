"""The hub's own keys: what boxes seal to, and what signs the log. Files of mode 0600 in the data folder."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Struct

from koffert_wire.sealing import key_id

SEALING_KEY_FILE = "sealing.key"
SEALING_PUBLIC_FILE = "sealing.pub"
LOG_KEY_FILE = "log.key"
LOG_PUBLIC_FILE = "log.pub"


class HubKeys(Struct, frozen=True):
    """Every sealing key that is still accepted, by its id; and the log's signing key."""

    sealing: dict[bytes, X25519PrivateKey]
    log: Ed25519PrivateKey


def create_keys(data_dir: Path) -> None:
    """Write new keys, raw, with their public halves beside them; FileExistsError when there are some."""
    sealing, log = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    write_private(data_dir / SEALING_KEY_FILE, sealing.private_bytes_raw())
    write_private(data_dir / LOG_KEY_FILE, log.private_bytes_raw())
    (data_dir / SEALING_PUBLIC_FILE).write_bytes(sealing.public_key().public_bytes_raw())
    (data_dir / LOG_PUBLIC_FILE).write_bytes(log.public_key().public_bytes_raw())


def load_keys(data_dir: Path) -> HubKeys:
    """The keys in `data_dir`; older sealing keys lie beside the newest as `sealing-*.key`."""
    files = [data_dir / SEALING_KEY_FILE, *sorted(data_dir.glob("sealing-*.key"))]
    sealing = [X25519PrivateKey.from_private_bytes(path.read_bytes()) for path in files]
    log = Ed25519PrivateKey.from_private_bytes((data_dir / LOG_KEY_FILE).read_bytes())
    return HubKeys({key_id(key.public_key()): key for key in sealing}, log)


def write_private(path: Path, data: bytes) -> None:
    """A new file that only we may read; FileExistsError when it is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
