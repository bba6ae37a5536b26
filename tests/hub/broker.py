"""A real mosquitto with the hub's own configuration, a throw-away authority, and boxes on it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from koffert_hub.authority import DEVICE_LIFETIME, Authority, Identity
from koffert_hub.broker_config import HUB_USER, BrokerConfig, broker_acl, broker_conf
from koffert_hub.keys import write_private
from koffert_wire.downlink import Receipt, decode_down, decode_receipt
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, TlsFiles
from koffert_wire.topics import HUB_STATE, DownKind, down_any_kind
from tests.hub.box import Box, Queued
from tests.support.mosquitto import Mosquitto, free_port

TEMPLATES = Path(__file__).resolve().parents[2] / "config" / "mosquitto"


class TestBroker:
    """Two listeners: `device_port` for boxes, `hub_port` for the hub; its certificate bears `names` too."""

    __test__ = False

    def __init__(self, folder: Path, device_host: str = "127.0.0.1", *names: str) -> None:
        self._folder = folder
        self._device_host = device_host
        self._names = ("127.0.0.1", *names)
        self._authority = Authority.create("test", datetime.now(UTC))
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(self._authority.identity.certificate_pem)
        self.device_port, self.hub_port = free_port(), free_port()
        server = self.server_certificate("broker")
        acl_file = folder / "broker.acl"
        acl_file.write_text(broker_acl((TEMPLATES / "broker.acl").read_text()))
        acl_file.chmod(0o600)
        config = BrokerConfig(
            device_host=device_host,
            device_port=self.device_port,
            hub_port=self.hub_port,
            ca=self.ca,
            certificate=server.certificate,
            key=server.key,
            acl_file=acl_file,
        )
        conf = broker_conf((TEMPLATES / "broker.conf").read_text(), config)
        # Its listeners open in the file's order: the hub's is the last.
        self.mosquitto = Mosquitto(folder, conf, self.hub_port)
        self.hub_tls = self.certificate(HUB_USER)

    def certificate(self, common_name: str) -> TlsFiles:
        """A new client certificate."""
        return self._write(common_name, self._authority.issue_client(common_name, _now()))

    def expired_certificate(self, common_name: str) -> bytes:
        """PEM of a certificate for the same key, that ended ten days ago."""
        key = load_pem_private_key(self.certificate(common_name).key.read_bytes(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        then = _now() - DEVICE_LIFETIME - timedelta(days=10)
        certificate = self._authority.certify(common_name, key.public_key(), then)
        return self._authority.with_chain(certificate)

    def server_certificate(self, name: str) -> TlsFiles:
        """A new certificate for a server on loopback."""
        return self._write(name, self._authority.issue_server(self._names, _now()))

    def endpoint(self, device: str, client_id: str | None = None) -> Endpoint:
        """How a box connects."""
        return Endpoint(
            self._device_host, self.device_port, client_id or device, self.certificate(device)
        )

    def hub_endpoint(self, client_id: str = "hub-test") -> Endpoint:
        """How the hub connects."""
        return Endpoint("127.0.0.1", self.hub_port, client_id, self.hub_tls)

    def _write(self, name: str, identity: Identity) -> TlsFiles:
        files = TlsFiles(self.ca, self._folder / f"{name}.crt", self._folder / f"{name}.key")
        if not files.key.exists():
            files.certificate.write_bytes(identity.certificate_pem)
            write_private(files.key, identity.key_pem)
        return files


@contextmanager
def hub_broker(folder: Path) -> Iterator[TestBroker]:
    """A running broker as the hub configures it."""
    broker = TestBroker(folder)
    broker.mosquitto.start()
    try:
        yield broker
    finally:
        broker.mosquitto.kill()


class OnlineBox:
    """A box with a link: sends again what has no receipt when a hub announces itself, and now and then."""

    def __init__(self, box: Box, endpoint: Endpoint) -> None:
        self.box = box
        self._endpoint = endpoint
        self.waiting: dict[bytes, Queued] = {}
        self.receipts: list[Receipt] = []
        self.hub_states = 0
        self._changed = asyncio.Event()
        self._connection: MqttConnection | None = None

    async def connect(self) -> None:
        """Open the link and listen for receipts."""
        self._connection = MqttConnection(self._endpoint, on_message=self._receive)
        await self._connection.open()
        await self._connection.subscribe(down_any_kind(self.box.device), HUB_STATE)

    def send(self, *queued: Queued) -> None:
        """Publish; what fails stays among those waiting."""
        for item in queued:
            self.waiting[item.id] = item
            assert self._connection is not None
            self._connection.publish(item.topic, item.payload())

    def send_again(self) -> None:
        """Publish everything that has no receipt."""
        self.send(*self.waiting.values())

    async def all_receipted(self, *, again_every_s: float = 3, within_s: float = 120) -> None:
        """Wait for every receipt, sending again what is missing."""
        async with asyncio.timeout(within_s):
            while self.waiting:
                self._changed.clear()
                try:
                    async with asyncio.timeout(again_every_s):
                        await self._changed.wait()
                except TimeoutError:
                    self.send_again()

    async def close(self) -> None:
        """End the link."""
        if self._connection is not None:
            await self._connection.close()

    def _receive(self, incoming: Incoming) -> None:
        if incoming.topic == HUB_STATE:
            self.hub_states += 1
            self.send_again()
        else:
            down = decode_down(incoming.payload, self.box.device, self.box.link_key)
            assert down.kind is DownKind.RECEIPT
            receipt = decode_receipt(down.body)
            self.receipts.append(receipt)
            for identifier in receipt.stored:
                self.waiting.pop(identifier, None)
        self._changed.set()


def _now() -> datetime:
    return datetime.now(UTC)
