"""What BlueZ tells of itself that bleak does not: that it died, that an adapter went, who may pair.

bleak learns that a meter is gone from its `Connected` property. A killed bluetoothd changes no property, and an
adapter that is pulled out takes the meter's object with it; a link would then seem up for ever.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from koffert_drivers.ble.errors import BleError, BleReason

_BLUEZ = "org.bluez"
_ADAPTER, _DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
_BUS = "org.freedesktop.DBus"
_PROPERTIES, _OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
_AGENT, _AGENT_PATH = "org.bluez.Agent1", "/no/koffert/agent"
# Destination, path and interface of what is called.
_DAEMON = (_BUS, "/org/freedesktop/DBus", _BUS)
_TREE = (_BLUEZ, "/", _OBJECTS)
_AGENTS = (_BLUEZ, "/org/bluez", "org.bluez.AgentManager1")
_REJECTED = "org.bluez.Error.Rejected"
_RULES = (
    f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',arg0='{_ADAPTER}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',arg0='{_DEVICE}'",
)

# Tells the digits that a meter shows or bears, by its address; None when nobody has said them.
Passkeys = Callable[[str], int | None]


class Bluez:
    """A watch over bluetoothd; `open_bluez` makes it.

    `on_gone` is called with the object path below which nothing is connected any more.
    """

    def __init__(
        self,
        bus: MessageBus,
        ended: "asyncio.Task[None]",
        on_gone: Callable[[str], None],
        passkeys: Passkeys,
    ) -> None:
        self._bus = bus
        self._ended = ended
        self._on_gone = on_gone
        self._passkeys = passkeys
        self._powered: dict[str, bool] = {}
        self._connected: set[str] = set()
        self._changed = asyncio.Event()
        self._restarted = False

    def adapter(self, preferred: str | None = None) -> str | None:
        """The adapter to use (`hci0`): the preferred one while it is on, else the first; None when none is on."""
        on = sorted(path.rpartition("/")[2] for path, powered in self._powered.items() if powered)
        return preferred if preferred in on else next(iter(on), None)

    def is_connected(self, address: str) -> bool:
        """Whether a link to the device is up, whoever made it: an agent that was killed leaves its links."""
        return any(path.endswith(address.replace(":", "_")) for path in self._connected)

    async def wait_for_change(self) -> None:
        """Return once an adapter comes, goes, or is switched; raises BleError when the bus is gone."""
        changed = asyncio.create_task(self._changed.wait(), name="change of the adapters")
        try:
            await asyncio.wait({self._ended, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        if self._ended.done():
            raise BleError(BleReason.RADIO, "the system bus is gone")
        self._changed.clear()
        if self._restarted:
            self._restarted = False
            await self._look()

    async def start(self) -> None:
        """Begin to watch, and answer for whoever pairs."""
        self._bus.add_message_handler(self._handle)
        for rule in _RULES:
            await self._call(_DAEMON, "AddMatch", "s", rule)
        await self._look()

    async def _look(self) -> None:
        """Take over what is there now; nothing, when bluetoothd does not run."""
        with contextlib.suppress(BleError):
            for path, interfaces in (await self._call(_TREE, "GetManagedObjects"))[0].items():
                self._added(path, interfaces)
            await self._call(_AGENTS, "RegisterAgent", "os", _AGENT_PATH, "KeyboardOnly")
            await self._call(_AGENTS, "RequestDefaultAgent", "o", _AGENT_PATH)

    async def _call(
        self, where: tuple[str, str, str], member: str, signature: str = "", *body: str
    ) -> list[Any]:
        destination, path, interface = where
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        reply = await self._bus.call(message)
        if reply.message_type is MessageType.ERROR:
            raise BleError(BleReason.RADIO, f"{member}: {reply.error_name}")
        answer: list[Any] = reply.body
        return answer

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.METHOD_CALL and message.interface == _AGENT:
            return self._answer(message)
        if message.message_type is MessageType.SIGNAL:
            self._heed(message)
        return None

    def _heed(self, message: Message) -> None:
        if message.member == "NameOwnerChanged" and message.body[0] == _BLUEZ:
            self._owner_changed(running=bool(message.body[2]))
        elif message.member == "InterfacesAdded":
            self._added(*message.body)
        elif message.member == "InterfacesRemoved":
            self._removed(*message.body)
        elif message.member == "PropertiesChanged":
            self._added(message.path or "", {message.body[0]: message.body[1]})

    def _owner_changed(self, *, running: bool) -> None:
        self._powered.clear()
        self._connected.clear()
        self._on_gone("/org/bluez/")
        self._restarted = running
        self._changed.set()

    def _added(self, path: str, interfaces: Mapping[str, Mapping[str, Any]]) -> None:
        if _ADAPTER in interfaces:
            self._set_powered(path, interfaces[_ADAPTER])
        if "Connected" in interfaces.get(_DEVICE, ()):
            connected = interfaces[_DEVICE]["Connected"].value
            (self._connected.add if connected else self._connected.discard)(path)

    def _removed(self, path: str, interfaces: list[str]) -> None:
        if _ADAPTER in interfaces:
            self._powered.pop(path, None)
            self._changed.set()
        self._connected.discard(path)
        if _ADAPTER in interfaces or _DEVICE in interfaces:
            self._on_gone(path)

    def _set_powered(self, path: str, properties: Mapping[str, Any]) -> None:
        if "Powered" not in properties:
            return
        powered = bool(properties["Powered"].value)
        if self._powered.get(path) != powered:
            self._powered[path] = powered
            self._changed.set()
        if not powered:
            self._on_gone(f"{path}/")

    def _answer(self, message: Message) -> Message:
        """A pairing that asks: the meters of the case show digits, or ask nothing."""
        if message.member == "RequestPasskey":
            address = message.body[0].rpartition("/dev_")[2].replace("_", ":")
            passkey = self._passkeys(address)
            if passkey is not None:
                return Message.new_method_return(message, "u", [passkey])
        elif message.member in {"RequestAuthorization", "Release", "Cancel"}:
            return Message.new_method_return(message)
        return Message.new_error(message, _REJECTED, "nobody is here to answer")


@asynccontextmanager
async def open_bluez(
    on_gone: Callable[[str], None] = lambda _: None, passkeys: Passkeys = lambda _: None
) -> AsyncIterator[Bluez]:
    """A watch over bluetoothd, running or not; raises BleError when there is no system bus."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
    except (DBusFastError, OSError, EOFError) as error:
        bus.disconnect()
        raise BleError(BleReason.RADIO, f"no system bus: {error}") from error
    ended = asyncio.create_task(_until_end(bus), name="system bus")
    try:
        bluez = Bluez(bus, ended, on_gone, passkeys)
        await bluez.start()
        yield bluez
    finally:
        bus.disconnect()
        await ended


async def _until_end(bus: MessageBus) -> None:
    """Return once the bus is closed, whoever closed it."""
    with contextlib.suppress(DBusFastError, OSError, EOFError):
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # so in dbus-fast
