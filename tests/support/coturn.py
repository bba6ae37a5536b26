"""A real coturn on loopback for the length of a test."""

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from koffert_cli.daemons import find_daemon
from koffert_hub.video.turn import TurnSettings
from tests.support.mosquitto import free_port

READY_WITHIN_S = 40.0


@contextlib.contextmanager
def coturn(
    folder: Path, *, tls: bool = False, host: str = "127.0.0.1", tls_port: int | None = None
) -> Iterator[TurnSettings]:
    """A TURN server over UDP and TCP, or over TLS and TCP alone; its settings as the hub has them."""
    port, tls_port, secret = free_port(), tls_port or free_port(), secrets.token_hex(16)
    if tls:
        _write_certificate(folder, host)
        listeners = f"no-udp\nno-dtls\ntls-listening-port={tls_port}\n"
        listeners += f"cert={folder / 'turn.crt'}\npkey={folder / 'turn.key'}\nverbose\n"
        urls: tuple[str, ...] = (
            f"turns:{host}:{tls_port}?transport=tcp",
            f"turn:{host}:{port}?transport=tcp",
        )
    else:
        listeners, urls = "no-tls\nno-dtls\n", (f"turn:{host}:{port}?transport=udp",)
    (folder / "turn.secret").write_text(secret + "\n")
    log = folder / "turnserver.log"
    configuration = folder / "turnserver.conf"
    configuration.write_text(
        f"listening-ip={host}\nrelay-ip={host}\nlistening-port={port}\n"
        f"use-auth-secret\nstatic-auth-secret={secret}\nrealm=koffert\nfingerprint\n"
        f"no-cli\nno-multicast-peers\n{listeners}"
        # Only a test's peers are on loopback; the guide says which ranges to deny instead.
        "allow-loopback-peers\n"
        f"log-file={log}\nsimple-log\nuserdb={folder / 'turndb'}\npidfile={folder / 'turn.pid'}\n"
    )
    daemon = find_daemon("turnserver")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(daemon.path), "-c", str(configuration)],
            env=daemon.environment(),
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for((host, port), process, log)
        yield TurnSettings(urls=urls, secret_file=folder / "turn.secret")
    finally:
        process.kill()
        process.wait()


def _write_certificate(folder: Path, host: str) -> None:
    """A certificate for this machine that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turn test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(host))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "turn.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "turn.key").write_bytes(plain)


def _wait_for(address: tuple[str, int], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(address):
            return
        time.sleep(0.05)
    raise AssertionError(f"turnserver did not start:\n{log.read_text()}")
