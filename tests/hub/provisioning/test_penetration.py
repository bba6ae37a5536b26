"""What an attacker with a network cable tries at the broker and at the enrolment listener."""

import asyncio
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from koffert_hub.authority import Authority, Identity
from koffert_hub.broker_config import HUB_USER
from koffert_wire.envelope import MAX_PAYLOAD_BYTES
from koffert_wire.mqtt import Endpoint, MqttError, TlsFiles
from koffert_wire.private_files import replace_private
from tests.hub.provisioning.test_revocation import Fleet, connect


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    fleet.mosquitto.start()
    yield fleet
    fleet.mosquitto.kill()
    fleet.site.engine.dispose()


def endpoint(fleet: Fleet, folder: Path, identity: Identity, device: str) -> Endpoint:
    """How somebody connects who has this certificate."""
    pem = folder / "pair.pem"
    replace_private(pem, identity.key_pem + identity.certificate_pem)
    return fleet.endpoint(device, TlsFiles(fleet.site.pki.root, pem, pem))


def refused(where: Endpoint) -> None:
    async def scenario() -> None:
        with pytest.raises(MqttError):
            await (await connect(where)).close()

    asyncio.run(scenario())


def test_an_expired_certificate(fleet: Fleet, tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=31)
    expired = fleet.site.pki.authority().issue_client("box-x", long_ago)
    refused(endpoint(fleet, tmp_path, expired, "box-x"))


def test_a_certificate_of_another_authority_with_the_same_name(
    fleet: Fleet, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    root = Authority.create_root("Koffert root of Dalane DMS", now)
    issuing = root.issue_authority("Koffert issuing authority of Dalane DMS", now)
    refused(endpoint(fleet, tmp_path, issuing.issue_client(HUB_USER, now), HUB_USER))


def test_a_boxs_certificate_signs_no_others(fleet: Fleet, tmp_path: Path) -> None:
    """A stolen box key must not become an authority."""
    now = datetime.now(UTC)
    box = fleet.site.pki.authority().issue_client("box-y", now)
    forged = Authority(box).issue_client(HUB_USER, now)
    refused(endpoint(fleet, tmp_path, forged, HUB_USER))


def test_a_server_certificate_is_no_boxs(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet.site.pki.authority().issue_server(("box-z",), datetime.now(UTC))
    refused(endpoint(fleet, tmp_path, server, "box-z"))


def test_somebody_elses_key_under_a_boxs_certificate(fleet: Fleet, tmp_path: Path) -> None:
    box = fleet.site.pki.authority().issue_client("box-v", datetime.now(UTC))
    other = fleet.site.pki.authority().issue_client("box-w", datetime.now(UTC))
    refused(endpoint(fleet, tmp_path, Identity(box.certificate_pem, other.key_pem), "box-v"))


@pytest.mark.parametrize("listener", ["devices", "hub"])
def test_tls_older_than_1_2(fleet: Fleet, listener: str) -> None:
    site = fleet.site
    port = site.provisioning.device_port if listener == "devices" else site.settings.broker.port
    context = ssl.create_default_context(cafile=site.pki.root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(site.pki.hub.certificate, site.pki.hub.key)

    async def scenario() -> None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=context)

    asyncio.run(scenario())


def test_a_packet_larger_than_any_transmission(fleet: Fleet) -> None:
    """The link ends before it fills the broker's memory; the box may come back."""
    box = fleet.enrol("loud-box")

    async def scenario() -> None:
        connection = await connect(box)
        connection.publish("koffert/v1/loud-box/up/bulk", bytes(2 * MAX_PAYLOAD_BYTES))
        async with asyncio.timeout(40):
            await connection.wait_closed()
        await connection.close()
        await (await connect(box)).close()

    asyncio.run(scenario())
