"""The MQTT connection against a real mosquitto."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection, MqttError, MqttReason, Will
from tests.support.chaos import ChaosProxy, Conditions
from tests.support.mosquitto import Mosquitto, free_port, plain_mosquitto


@pytest.fixture(name="broker", scope="module")
def fixture_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with plain_mosquitto(tmp_path_factory.mktemp("broker"), "max_packet_size 70000\n") as broker:
        yield broker


def endpoint(broker: Mosquitto, client_id: str) -> Endpoint:
    return Endpoint("127.0.0.1", broker.port, client_id)


async def connected(
    broker: Mosquitto, client_id: str, *, manual_ack: bool = False, receive_maximum: int = 200
) -> tuple[MqttConnection, "asyncio.Queue[Incoming]"]:
    received: asyncio.Queue[Incoming] = asyncio.Queue()
    connection = MqttConnection(
        endpoint(broker, client_id),
        on_message=received.put_nowait,
        manual_ack=manual_ack,
        receive_maximum=receive_maximum,
    )
    await connection.open()
    return connection, received


def test_what_is_published_arrives(broker: Mosquitto) -> None:
    async def scenario() -> None:
        connection, received = await connected(broker, "a")
        await connection.subscribe("t/#")
        published = [connection.publish(f"t/{n}", b"x" * n * 100) for n in range(500)]
        async with asyncio.timeout(40):
            await asyncio.gather(*published)
            arrived = [await received.get() for _ in published]
        assert [message.topic for message in arrived] == [f"t/{n}" for n in range(500)]
        assert [len(message.payload) for message in arrived] == [n * 100 for n in range(500)]
        await connection.close()

    asyncio.run(scenario())


def test_a_topic_goes_over_the_link_once(broker: Mosquitto) -> None:
    async def scenario() -> None:
        listener, received = await connected(broker, "listener")
        await listener.subscribe("aliases/#")
        async with ChaosProxy(broker.port) as proxy:
            connection = MqttConnection(
                Endpoint("127.0.0.1", proxy.port, "brief"), on_message=lambda _message: None
            )
            await connection.open(40)
            before = proxy.passed_bytes
            topics = [f"aliases/{'long' * 50}/{number}" for number in range(3)]
            async with asyncio.timeout(40):
                for number in range(60):
                    await connection.publish(topics[number % 3], bytes([number]))
                arrived = [await received.get() for _ in range(60)]
            assert [(one.topic, one.payload) for one in arrived] == [
                (topics[number % 3], bytes([number])) for number in range(60)
            ]
            assert proxy.passed_bytes - before < 5 * len("".join(topics))
            await connection.close()
        await listener.close()

    asyncio.run(scenario())


def test_more_topics_than_the_broker_can_number_still_arrive(broker: Mosquitto) -> None:
    async def scenario() -> None:
        connection, received = await connected(broker, "many")
        await connection.subscribe("many/#")
        topics = [f"many/{number}" for number in range(30)]
        async with asyncio.timeout(40):
            await asyncio.gather(*[connection.publish(topic, b"") for topic in 3 * topics])
            assert [(await received.get()).topic for _ in range(90)] == 3 * topics
        await connection.close()

    asyncio.run(scenario())


def test_with_manual_ack_the_broker_sends_no_more_than_the_window(tmp_path: Path) -> None:
    """What is not acknowledged holds the rest back: that is the hub's back-pressure."""

    async def scenario() -> None:
        with plain_mosquitto(tmp_path) as broker:
            connection, received = await connected(
                broker, "manual", manual_ack=True, receive_maximum=3
            )
            sender, _ = await connected(broker, "sender")
            await connection.subscribe("m")
            async with asyncio.timeout(40):
                await asyncio.gather(*[sender.publish("m", bytes([n])) for n in range(10)])
                held = [await received.get() for _ in range(3)]
                await sender.publish("other", b"")
                assert received.empty()
                connection.acknowledge(held[0])
                assert (await received.get()).payload == b"\x03"
            await connection.close()
            await sender.close()
            connection.acknowledge(held[1])  # a dead link is no error

    asyncio.run(scenario())


def test_a_second_client_of_the_same_name_takes_over(broker: Mosquitto) -> None:
    """Mosquitto 2.0.11 closes a clean session without a DISCONNECT; later versions say 0x8E."""

    async def scenario() -> None:
        first, _ = await connected(broker, "same")
        second, _ = await connected(broker, "same")
        async with asyncio.timeout(40):
            ended = await first.wait_closed()
        assert ended.reason in (MqttReason.TAKEN_OVER, MqttReason.LOST)
        await second.close()

    asyncio.run(scenario())


def test_a_broker_killed_ends_the_link_and_fails_what_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        with plain_mosquitto(tmp_path) as broker:
            connection, _ = await connected(broker, "a")
            broker.kill()
            async with asyncio.timeout(40):
                assert (await connection.wait_closed()).reason is MqttReason.LOST
            with pytest.raises(MqttError):
                await connection.publish("t", b"")
            with pytest.raises(MqttError):
                await connection.subscribe("t")
            await connection.close()

    asyncio.run(scenario())


def test_nobody_listening_is_unreachable() -> None:
    async def scenario() -> None:
        connection = MqttConnection(
            Endpoint("127.0.0.1", free_port(), "a"), on_message=lambda _message: None
        )
        with pytest.raises(MqttError) as caught:
            await connection.open()
        assert caught.value.reason is MqttReason.UNREACHABLE

    asyncio.run(scenario())


def test_an_idle_link_that_dies_without_a_word_is_noticed_by_its_keepalive(
    broker: Mosquitto,
) -> None:
    async def scenario() -> None:
        async with ChaosProxy(broker.port) as proxy:
            connection = MqttConnection(
                Endpoint("127.0.0.1", proxy.port, "idle", keepalive_s=1),
                on_message=lambda _message: None,
            )
            await connection.open(40)
            proxy.conditions = Conditions(black_hole=True)
            async with asyncio.timeout(40):
                assert (await connection.wait_closed()).reason is MqttReason.LOST

    asyncio.run(scenario())


def test_a_silent_server_is_a_timeout() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            connection = MqttConnection(
                Endpoint("127.0.0.1", port, "a"), on_message=lambda _message: None
            )
            with pytest.raises(MqttError) as caught:
                await connection.open(timeout_s=0.2)
            assert caught.value.reason is MqttReason.TIMEOUT

    asyncio.run(scenario())


def test_opening_can_be_cancelled_without_a_trace() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            connection = MqttConnection(
                Endpoint("127.0.0.1", port, "a"), on_message=lambda _message: None
            )
            opening = asyncio.create_task(connection.open())
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            assert (await connection.wait_closed()).reason is MqttReason.CLOSED

    asyncio.run(scenario())


def test_a_packet_that_the_broker_refuses_ends_the_link(broker: Mosquitto) -> None:
    async def scenario() -> None:
        connection, _ = await connected(broker, "big")
        with pytest.raises(MqttError):
            async with asyncio.timeout(40):
                await connection.publish("t", bytes(80_000))
        await connection.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("orderly", [True, False])
def test_the_broker_keeps_our_last_will_however_the_link_ended(
    broker: Mosquitto, *, orderly: bool
) -> None:
    async def scenario() -> None:
        topic = f"will/{orderly}"
        mortal = MqttConnection(
            endpoint(broker, f"mortal-{orderly}"),
            on_message=lambda _: None,
            will=Will(topic, b"0"),
        )
        await mortal.open()
        async with asyncio.timeout(40):
            await mortal.publish(topic, b"1", retain=True)
            listener, received = await connected(broker, f"listener-{orderly}")
            await listener.subscribe(topic)
            assert (await received.get()).payload == b"1"
            if not orderly:
                mortal._hang_up()  # as if its power had gone
            await mortal.close()
            assert (await received.get()).payload == b"0"
            late, kept = await connected(broker, f"late-{orderly}")
            await late.subscribe(topic)
            assert await kept.get() == Incoming(topic, b"0", retain=True, message_id=1)
        await listener.close()
        await late.close()

    asyncio.run(scenario())
