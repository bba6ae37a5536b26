"""A revoked box is out within seconds, also in the middle of its stream; nobody else notices."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.log_record import Event, decode_record
from koffert_hub.provisioning import crl
from koffert_hub.provisioning.ceremony import broker_pid_file
from koffert_hub.provisioning.desired_state import desired
from koffert_hub.provisioning.revocation import BrokerGate, Enforcement, revoke_device
from koffert_hub.provisioning.tokens import announce, mint, redeem
from koffert_hub.registry import DeviceState, RegistryError
from koffert_hub.transmission_log import rows_after
from koffert_wire.enrolment import Refusal
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError, TlsFiles
from koffert_wire.private_files import replace_private
from tests.hub.provisioning.box import NewBox
from tests.hub.provisioning.site import ProvisioningSite

# The promise to whoever reports a box as stolen; a machine busy with other tests takes longer.
PROMISED_S, BUSY_S = 5.0, 15.0
_PUBLISH_INTERVAL_S = 0.02


class Fleet:
    """A hub's authority and broker with enrolled boxes on it."""

    def __init__(self, folder: Path) -> None:
        self.site = ProvisioningSite(folder, datetime.now(UTC))
        self.mosquitto = self.site.broker()
        self.gate = BrokerGate(
            self.site.engine,
            self.site.pki,
            self.site.provisioning,
            broker_pid_file(self.site.settings),
        )

    def enrol(self, device: str, *, again: bool = False) -> Endpoint:
        """A box with its certificate, and how it connects."""
        box, now = NewBox(), datetime.now(UTC)
        with self.site.engine.begin() as connection:
            if not again:
                announce(connection, device, centre=self.site.centre, label="", now=now)
            token = mint(connection, device, now=now)
            redeemed = redeem(
                connection, self.site.pki.authority(), token, box.key.public_key(), now
            )
        assert not isinstance(redeemed, Refusal)
        key = box.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        pem = self.site.folder / f"{device}-{time.monotonic_ns()}.pem"
        replace_private(pem, key + redeemed.certificates_pem)
        return self.endpoint(device, TlsFiles(self.site.pki.root, pem, pem))

    def endpoint(self, device: str, files: TlsFiles) -> Endpoint:
        return Endpoint("127.0.0.1", self.site.provisioning.device_port, device, files)

    def revoke(self, device: str) -> None:
        """What the hub itself does; the broker is the gate's."""
        with self.site.engine.begin() as connection:
            revoke_device(connection, device, reason="lost", now=datetime.now(UTC))


@pytest.fixture(name="fleet")
def fixture_fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path)
    fleet.mosquitto.start()
    yield fleet
    fleet.mosquitto.kill()
    fleet.site.engine.dispose()


async def connect(endpoint: Endpoint) -> MqttConnection:
    connection = MqttConnection(endpoint, on_message=lambda _: None)
    await connection.open()
    return connection


async def stream(connection: MqttConnection, device: str) -> None:
    """Publish until the link ends."""
    while True:
        try:
            await connection.publish(f"koffert/v1/{device}/up/vitals", b"reading")
        except MqttError:
            return
        await asyncio.sleep(_PUBLISH_INTERVAL_S)


class Ear:
    """The hub's side: when the last message of each box came."""

    def __init__(self, site: ProvisioningSite) -> None:
        self.last_s: dict[str, float] = {}
        self._heard = asyncio.Event()
        broker = site.settings.broker
        endpoint = Endpoint("127.0.0.1", broker.port, "hub-ear", site.pki.hub)
        self.connection = MqttConnection(endpoint, on_message=self._hear)

    def _hear(self, incoming: Incoming) -> None:
        self.last_s[incoming.topic.split("/")[2]] = time.monotonic()
        self._heard.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Listen until the condition holds."""
        async with asyncio.timeout(40):
            while not condition():
                self._heard.clear()
                await self._heard.wait()


@pytest.mark.parametrize(
    "within_s", [BUSY_S, pytest.param(PROMISED_S, marks=pytest.mark.slow)], ids=["busy", "promised"]
)
def test_a_live_link_ends_within_seconds_and_the_others_stay(fleet: Fleet, within_s: float) -> None:
    lost, kept = fleet.enrol("lost-box"), fleet.enrol("kept-box")

    async def scenario() -> None:
        ear = Ear(fleet.site)
        await ear.connection.open()
        await ear.connection.subscribe("koffert/v1/+/up/+")
        lost_link, kept_link = await connect(lost), await connect(kept)
        streams = [
            asyncio.create_task(stream(lost_link, "lost-box")),
            asyncio.create_task(stream(kept_link, "kept-box")),
        ]
        await ear.until(lambda: len(ear.last_s) == len(streams))
        revoked_s = time.monotonic()
        fleet.revoke("lost-box")
        assert await fleet.gate.shut("lost-box", datetime.now(UTC)) is Enforcement.IN_FORCE
        shut_s = time.monotonic()
        assert shut_s - revoked_s < within_s
        await streams[0]  # its link has ended
        with pytest.raises(MqttError):
            await connect(lost)
        await ear.until(lambda: ear.last_s["kept-box"] > shut_s + 0.5)
        assert ear.last_s["lost-box"] < shut_s
        assert not streams[1].done()
        streams[1].cancel()
        for connection in (lost_link, kept_link, ear.connection):
            await connection.close()

    asyncio.run(scenario())


def test_two_boxes_revoked_in_one_second_are_both_out(fleet: Fleet) -> None:
    """Each is confirmed by itself, however soon they follow each other."""
    boxes = {name: fleet.enrol(name) for name in ("box-a", "box-b", "box-c")}

    async def scenario() -> None:
        now = datetime.now(UTC)
        for name in ("box-a", "box-b"):
            fleet.revoke(name)
            assert await fleet.gate.shut(name, now) is Enforcement.IN_FORCE
        for name in ("box-a", "box-b"):
            with pytest.raises(MqttError):
                await connect(boxes[name])
        await (await connect(boxes["box-c"])).close()

    asyncio.run(scenario())


def test_a_list_past_its_end_locks_everybody_out_until_it_is_renewed(fleet: Fleet) -> None:
    """What the upkeep prevents, and that renewing mends it without a restart."""
    box = fleet.enrol("box-a")
    long_ago = datetime.now(UTC) - crl.LIFETIME - timedelta(days=1)
    fleet.site.pki.crl.unlink()
    crl.write_list(fleet.site.pki, (), long_ago)
    fleet.mosquitto.kill()
    fleet.mosquitto.start()

    async def scenario() -> None:
        with pytest.raises(MqttError):
            await connect(box)
        crl.publish(fleet.site.engine, fleet.site.pki, datetime.now(UTC))
        assert crl.tell_broker(broker_pid_file(fleet.site.settings))
        async with asyncio.timeout(BUSY_S):
            while True:
                try:
                    link = await connect(box)
                except MqttError:
                    continue
                return await link.close()

    asyncio.run(scenario())


def test_a_box_found_again_comes_back_with_a_new_code(fleet: Fleet) -> None:
    old = fleet.enrol("box-a")
    fleet.revoke("box-a")

    async def scenario() -> None:
        assert await fleet.gate.shut("box-a", datetime.now(UTC)) is Enforcement.IN_FORCE
        await (await connect(fleet.enrol("box-a", again=True))).close()
        with pytest.raises(MqttError):
            await connect(old)

    asyncio.run(scenario())
    with reading(fleet.site.engine) as connection:
        assert registry.devices(connection, ["box-a"])["box-a"].state is DeviceState.ACTIVE
        wanted = desired(connection, "box-a")
    assert wanted is not None
    assert not wanted.locked


def test_a_broker_that_is_down_reads_the_list_when_it_starts(fleet: Fleet) -> None:
    box = fleet.enrol("box-a")
    fleet.mosquitto.kill()
    fleet.revoke("box-a")

    async def scenario() -> None:
        assert await fleet.gate.shut("box-a", datetime.now(UTC)) is Enforcement.BROKER_DOWN
        fleet.mosquitto.start()
        with pytest.raises(MqttError):
            await connect(box)

    asyncio.run(scenario())


def test_the_hub_notes_it_and_locks_the_kiosk(fleet: Fleet) -> None:
    fleet.enrol("box-a")
    fleet.revoke("box-a")
    with reading(fleet.site.engine) as connection:
        records = [decode_record(row.record) for row in rows_after(connection, 0)]
        wanted = desired(connection, "box-a")
    assert [r.detail for r in records if r.event is Event.REVOCATION] == ["lost"]
    assert wanted is not None
    assert wanted.locked
    with pytest.raises(RegistryError):
        fleet.revoke("nobody")
