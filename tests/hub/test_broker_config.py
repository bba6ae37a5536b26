"""Who may do what at the real broker, as the hub configures it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from koffert_hub.broker_config import BrokerConfig, broker_conf
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError, MqttReason
from koffert_wire.topics import HUB_STATE
from tests.hub.broker import TEMPLATES, TestBroker, hub_broker


@pytest.fixture(name="broker", scope="module")
def fixture_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    with hub_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


async def connect(endpoint: Endpoint) -> tuple[MqttConnection, "asyncio.Queue[Incoming]"]:
    received: asyncio.Queue[Incoming] = asyncio.Queue()
    connection = MqttConnection(endpoint, on_message=received.put_nowait)
    await connection.open()
    return connection, received


def test_a_box_writes_its_own_branch_and_no_other(broker: TestBroker) -> None:
    async def scenario() -> None:
        hub, received = await connect(broker.hub_endpoint())
        await hub.subscribe("koffert/v1/+/up/+")
        box, _ = await connect(broker.endpoint("box-a"))
        for topic in (
            "koffert/v1/box-b/up/vitals",
            "koffert/v1/box-a/down/receipt",
            "koffert/v1/hub/state",
            "other/topic",
        ):
            with pytest.raises(MqttError) as denied:
                await box.publish(topic, b"x")
            assert denied.value.reason is MqttReason.DENIED
        await box.publish("koffert/v1/box-a/up/vitals", b"mine")
        async with asyncio.timeout(40):
            assert (await received.get()).payload == b"mine"
        assert received.empty()
        await box.close()
        await hub.close()

    asyncio.run(scenario())


def test_a_box_reads_its_own_branch_and_the_hubs_announcement(broker: TestBroker) -> None:
    async def scenario() -> None:
        hub, _ = await connect(broker.hub_endpoint())
        box, received = await connect(broker.endpoint("box-a"))
        await box.subscribe("#")
        for topic in ("koffert/v1/box-b/down/receipt", "koffert/v1/box-a/down/receipt", HUB_STATE):
            await hub.publish(topic, topic.encode())
        async with asyncio.timeout(40):
            topics = [(await received.get()).topic for _ in range(2)]
        assert topics == ["koffert/v1/box-a/down/receipt", HUB_STATE]
        assert received.empty()
        await box.close()
        await hub.close()

    asyncio.run(scenario())


def test_no_certificate_no_entry(broker: TestBroker) -> None:
    async def scenario() -> None:
        for port in (broker.device_port, broker.hub_port):
            with pytest.raises(MqttError):
                await connect(Endpoint("127.0.0.1", port, "box-a"))

    asyncio.run(scenario())


def test_a_certificate_of_another_authority_is_refused(broker: TestBroker, tmp_path: Path) -> None:
    async def scenario() -> None:
        stranger = TestBroker(tmp_path).certificate("box-a")
        tls = type(stranger)(broker.ca, stranger.certificate, stranger.key)
        with pytest.raises(MqttError):
            await connect(Endpoint("127.0.0.1", broker.device_port, "box-a", tls))

    asyncio.run(scenario())


def test_the_client_id_is_the_certificates_name(broker: TestBroker) -> None:
    """A box that claims another one's client id does not push that one out, but its own twin."""

    async def scenario() -> None:
        victim, _ = await connect(broker.endpoint("box-a"))
        first, _ = await connect(broker.endpoint("box-b"))
        second, _ = await connect(broker.endpoint("box-b", client_id="box-a"))
        async with asyncio.timeout(40):
            await first.wait_closed()
        await victim.publish("koffert/v1/box-a/up/vitals", b"still here")
        await victim.close()
        await second.close()

    asyncio.run(scenario())


def test_the_hub_holds_several_connections(broker: TestBroker) -> None:
    async def scenario() -> None:
        links = [await connect(broker.hub_endpoint(f"hub-{n}")) for n in range(3)]
        for connection, _ in links:
            await connection.publish(HUB_STATE, b"x")
            await connection.close()

    asyncio.run(scenario())


def test_the_template_asks_for_nothing_unknown() -> None:
    here = Path("/etc/koffert")
    config = BrokerConfig(
        device_port=1, hub_port=2, ca=here, certificate=here, key=here, acl_file=here
    )
    assert "$" not in broker_conf((TEMPLATES / "broker.conf").read_text(), config)
    with pytest.raises(KeyError):
        broker_conf("listener ${unknown}", config)
