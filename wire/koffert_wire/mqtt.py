"""MQTT 5 on the asyncio loop: paho behind an interface of our own.

A connection is used once: it opens, lives, ends with a reason and is thrown away, so there is no
half-reset state and paho's own queue, which it sends again on reconnect regardless of its window
(paho issue 492), never outlives a link. Reconnecting is `reconnect.py`'s work.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from msgspec import Struct
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

# paho looks at its keepalive only when asked; once a second is its own documented rhythm.
_MISC_INTERVAL_S = 1.0
# PUBACK 0x10: accepted, but nobody subscribes. The broker took it; our receipts decide delivery.
_FIRST_ERROR_CODE = 0x80
_TAKEN_OVER_CODE = 0x8E
# MQTT 5, 3.14.2.1: an orderly end that publishes the will all the same.
_WITH_WILL_CODE = 0x04


class MqttReason(StrEnum):
    """Why a connection could not be made, a publish failed or a link ended."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    REFUSED = "refused"
    DENIED = "denied"
    TAKEN_OVER = "taken-over"
    TIMEOUT = "timeout"
    LOST = "lost"
    CLOSED = "closed"


class MqttError(Exception):
    """The one error of this module; `reason` says what the caller can do about it."""

    def __init__(self, reason: MqttReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


class TlsFiles(Struct, frozen=True):
    """Where the certificate authority, our certificate and its key lie."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """A client context for mutual TLS; raises MqttError when a file does not fit."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise MqttError(MqttReason.TLS, f"certificate files: {error}") from error
        return context


class Endpoint(Struct, frozen=True):
    """A broker and who we are to it."""

    host: str
    port: int
    client_id: str
    tls: TlsFiles | None = None
    # A dead link is noticed after about 1.7 times this (measured with paho 2.2).
    keepalive_s: int = 30


class Will(NamedTuple):
    """What the broker publishes for us, retained, when our link has ended in whatever way."""

    topic: str
    payload: bytes


class Incoming(NamedTuple):
    """A message as received; `message_id` is what `acknowledge` needs."""

    topic: str
    payload: bytes
    retain: bool
    message_id: int


class MqttConnection:
    """One link to a broker, from open to close, on the running loop.

    `on_message` runs on the loop and must not block. With `manual_ack` the broker keeps each QoS 1
    message until `acknowledge`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        on_message: Callable[[Incoming], None],
        manual_ack: bool = False,
        receive_maximum: int = 200,
        will: Will | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._will = will
        self._on_message = on_message
        self._receive_maximum = receive_maximum
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[MqttError] = self._loop.create_future()
        self._published: dict[int, asyncio.Future[None]] = {}
        self._subscribed: dict[int, asyncio.Future[None]] = {}
        self._aliases: dict[str, int] = {}
        self._most_aliases = 0
        self._misc: asyncio.TimerHandle | None = None
        self._client = self._make_client(manual_ack=manual_ack)

    async def open(self, timeout_s: float = 10.0) -> None:
        """Connect with a clean start and no session; raises MqttError."""
        self._client.connect_timeout = timeout_s
        if self._endpoint.tls is not None:
            self._client.tls_set_context(self._endpoint.tls.context())
        connecting = _in_daemon_thread(self._loop, self._connect)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(connecting)
                self._tick()
                await self._opened
        except TimeoutError as error:
            self._end(MqttError(MqttReason.TIMEOUT, f"no answer within {timeout_s:g} s"))
            raise self._ended.result() from error
        except ssl.SSLError as error:
            self._end(MqttError(MqttReason.TLS, str(error)))
            raise self._ended.result() from error
        except OSError as error:
            self._end(MqttError(MqttReason.UNREACHABLE, str(error)))
            raise self._ended.result() from error
        except asyncio.CancelledError:
            self._end(MqttError(MqttReason.CLOSED, "cancelled while opening"))
            raise
        finally:
            # The blocking part may outlive us by its own timeout; whatever it brings is closed.
            connecting.add_done_callback(self._close_if_ended)

    async def subscribe(self, *topics: str, qos: int = 1) -> None:
        """Subscribe; returns when the broker has granted all of them."""
        result, message_id = self._client.subscribe([(topic, qos) for topic in topics])
        if result != paho.MQTT_ERR_SUCCESS or message_id is None:
            raise self._lost()
        granted = self._subscribed[message_id] = self._loop.create_future()
        await granted

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> asyncio.Future[None]:
        """Send; the future is done at the broker's PUBACK (QoS 0: when written), or holds MqttError."""
        done: asyncio.Future[None] = self._loop.create_future()
        done.add_done_callback(_retrieve)
        if self._ended.done():
            done.set_exception(self._lost())
            return done
        name, properties = self._named(topic) if qos else (topic, None)
        info = self._client.publish(name, payload, qos=qos, retain=retain, properties=properties)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            done.set_exception(self._lost())
        else:
            self._published[info.mid] = done
        return done

    def _named(self, topic: str) -> tuple[str, Properties | None]:
        """A topic goes over the link once; later a number of two bytes stands for it (MQTT 5, 3.3.2.3.4).

        Not for QoS 0, which may overtake the message that said the topic.
        """
        known = topic in self._aliases
        if not known and len(self._aliases) >= self._most_aliases:
            return topic, None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.TopicAlias = self._aliases.setdefault(topic, len(self._aliases) + 1)
        return "" if known else topic, properties

    def acknowledge(self, incoming: Incoming) -> None:
        """Send the PUBACK of a message received with `manual_ack`; a dead link is no error here."""
        if not self._ended.done():
            self._client.ack(incoming.message_id, 1)

    async def wait_closed(self) -> MqttError:
        """Wait until the link has ended and say why."""
        return await asyncio.shield(self._ended)

    async def close(self, timeout_s: float = 2.0) -> None:
        """Send what is written, say goodbye and end; safe to call at any time."""
        if self._opened.done() and not self._ended.done():
            self._say_goodbye()
            try:
                async with asyncio.timeout(timeout_s):
                    await asyncio.shield(self._ended)
            except TimeoutError:
                pass
        self._end(MqttError(MqttReason.CLOSED, "closed by us"))

    def _say_goodbye(self) -> None:
        if self._will is None:
            self._client.disconnect()
        else:
            code = ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL_CODE)
            self._client.disconnect(reasoncode=code)

    def _make_client(self, *, manual_ack: bool) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._endpoint.client_id,
            protocol=paho.MQTTv5,
            manual_ack=manual_ack,
            reconnect_on_failure=False,
        )
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect = self._handle_connect
        client.on_connect_fail = None
        client.on_disconnect = self._handle_disconnect
        client.on_publish = self._handle_publish
        client.on_subscribe = self._handle_subscribe
        client.on_message = self._handle_message
        client.on_socket_open = self._watch_reads
        client.on_socket_close = self._forget_reads
        client.on_socket_register_write = self._watch_writes
        client.on_socket_unregister_write = self._forget_writes
        return client

    def _connect(self) -> None:
        """Blocking DNS, TCP and TLS: the one part of paho that runs in a thread."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = self._receive_maximum
        self._client.connect(
            self._endpoint.host,
            self._endpoint.port,
            keepalive=self._endpoint.keepalive_s,
            clean_start=True,
            properties=properties,
        )

    def _tick(self) -> None:
        if self._ended.done():
            return
        self._client.loop_misc()
        self._misc = self._loop.call_later(_MISC_INTERVAL_S, self._tick)

    def _end(self, error: MqttError) -> None:
        """The one writer of the final state."""
        if self._ended.done():
            return
        self._ended.set_result(error)
        if self._misc is not None:
            self._misc.cancel()
        for waiting in (self._opened, *self._published.values(), *self._subscribed.values()):
            if not waiting.done():
                waiting.add_done_callback(_retrieve)
                waiting.set_exception(error)
        self._published.clear()
        self._subscribed.clear()
        self._hang_up()

    def _close_if_ended(self, connecting: "asyncio.Future[None]") -> None:
        _retrieve(connecting)
        if self._ended.done():
            self._hang_up()

    def _hang_up(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            self._forget_writes(self._client, None, sock)
            self._forget_reads(self._client, None, sock)
            sock.close()

    def _lost(self) -> MqttError:
        if self._ended.done():
            return self._ended.result()
        return MqttError(MqttReason.LOST, "the link is down")

    # paho's callbacks: all on the loop, except the socket's opening, which _connect's thread does.

    def _handle_connect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any
    ) -> None:
        if code.is_failure:
            self._end(MqttError(MqttReason.REFUSED, str(code)))
        elif not self._opened.done():
            self._most_aliases = getattr(properties, "TopicAliasMaximum", 0)
            self._opened.set_result(None)

    def _handle_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        reason = MqttReason.TAKEN_OVER if code.value == _TAKEN_OVER_CODE else MqttReason.LOST
        self._end(MqttError(reason, str(code)))

    def _handle_publish(
        self, _client: paho.Client, _data: Any, message_id: int, code: ReasonCode, _properties: Any
    ) -> None:
        done = self._published.pop(message_id, None)
        if done is None or done.done():
            return
        if code.value >= _FIRST_ERROR_CODE:
            done.set_exception(MqttError(MqttReason.DENIED, str(code)))
        else:
            done.set_result(None)

    def _handle_subscribe(
        self, _client: paho.Client, _data: Any, message_id: int, codes: Any, _properties: Any
    ) -> None:
        granted = self._subscribed.pop(message_id, None)
        if granted is None or granted.done():
            return
        refused = [code for code in codes if code.is_failure]
        if refused:
            granted.set_exception(MqttError(MqttReason.DENIED, str(refused[0])))
        else:
            granted.set_result(None)

    def _handle_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._on_message(
            Incoming(message.topic, bytes(message.payload), message.retain, message.mid)
        )

    def _watch_reads(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._add_reader, sock)

    def _add_reader(self, sock: Any) -> None:
        if sock.fileno() >= 0 and not self._ended.done():
            self._loop.add_reader(sock, self._read, sock)

    def _read(self, sock: Any) -> None:
        self._client.loop_read()
        # TLS may hold decrypted packets for which the socket will never turn readable again.
        while isinstance(sock, ssl.SSLSocket) and sock.fileno() >= 0 and sock.pending():
            self._client.loop_read()

    def _forget_reads(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)

    def _watch_writes(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._add_writer, sock)

    def _add_writer(self, sock: Any) -> None:
        if sock.fileno() >= 0 and not self._ended.done():
            self._loop.add_writer(sock, self._client.loop_write)

    def _forget_writes(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)


def _in_daemon_thread(
    loop: asyncio.AbstractEventLoop, function: Callable[[], None]
) -> "asyncio.Future[None]":
    """Run a blocking call. An executor's thread would keep a process that stops waiting for a dead link."""
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        try:
            function()
        except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
            tell = partial(done.set_exception, error)
        else:
            tell = partial(done.set_result, None)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else tell())

    threading.Thread(target=run, name="mqtt connect", daemon=True).start()
    return done


def _retrieve(future: "asyncio.Future[None]") -> None:
    """Mark a future's error as seen: whoever did not wait for it did not want it."""
    if not future.cancelled():
        future.exception()
