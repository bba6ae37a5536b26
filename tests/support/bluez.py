"""A simulated bluetoothd with a radio: enough of `org.bluez` that unmodified bleak works with it.

As strict as the real one where that has bitten people: an advertisement is reported once in each discovery, a
meter that is connected does not advertise, an object that nobody knows any more is an error.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from dbus_fast import Message, MessageType, Variant

from tests.support.bluez_bus import DBusFailureError, ObjectTree, private_system_bus
from tests.support.bluez_meter import Meter, full_uuid

_ADAPTER, _DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
_SERVICE, _CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
_AGENTS, _AGENT = "org.bluez.AgentManager1", "org.bluez.Agent1"
_FAILED = "org.bluez.Error.Failed"
_NOT_READY = "org.bluez.Error.NotReady"
_YES, _NO = (Variant("b", value) for value in (True, False))
_AIR_INTERVAL_S = 0.02
_TIDY_WITHIN_S = 5.0


class Bluez:
    """bluetoothd with an adapter and the meters in its reach; a spare one hears nothing until it is the only one."""

    def __init__(self, meters: Iterable[Meter] = (), *, air_delay_s: float = 0.0) -> None:
        self.meters = list(meters)
        self.tree = ObjectTree("org.bluez")
        self.bonds: set[str] = set()
        self.discoveries = 0
        self.connects_at_once = self.most_connects_at_once = 0
        self._air_delay_s = air_delay_s
        self._agent: tuple[str, str] | None = None
        self._heard: set[str] = set()
        self._links: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._air: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        self._air = asyncio.create_task(self._advertise(), name="simulated air")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._air is not None:
            self._air.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._air
        await self.kill()

    async def start(self) -> None:
        """Start the daemon with a powered adapter; what is bonded is remembered."""
        await self.tree.open()
        self.tree.add("/org/bluez", _AGENTS, {})
        self._method("/org/bluez", _AGENTS, "RegisterAgent", self._register_agent)
        self._method("/org/bluez", _AGENTS, "RequestDefaultAgent", lambda _: None)
        self._method("/org/bluez", _AGENTS, "UnregisterAgent", lambda _: None)
        self.plug_adapter()

    async def kill(self) -> None:
        """Kill -9: links drop, and nobody says so on the bus."""
        for meter in self.meters:
            await self._end_link(meter)
        for task in list(self._tasks):
            task.cancel()
        self._agent = None
        self._heard.clear()
        await self.tree.close()

    def plug_adapter(self, name: str = "hci0") -> None:
        """An adapter appears."""
        self._adapter = f"/org/bluez/{name}"
        properties = {
            "Address": Variant("s", "00:00:5E:00:53:01"),
            "Powered": _YES,
            "Discovering": _NO,
            "Roles": Variant("as", ["central", "peripheral"]),
        }
        self.tree.add(self._adapter, _ADAPTER, properties)
        for method, function in (
            ("SetDiscoveryFilter", lambda _: None),
            ("StartDiscovery", self._start_discovery),
            ("StopDiscovery", self._stop_discovery),
            ("RemoveDevice", self._remove_device),
        ):
            self._method(self._adapter, _ADAPTER, method, function)
        for meter in self.meters:
            if meter.address in self.bonds:
                self._know(meter)

    def plug_spare(self, name: str) -> None:
        """A second adapter appears."""
        first = self._adapter
        self.plug_adapter(name)
        self._adapter = first

    async def unplug_adapter(self) -> None:
        """The adapter is pulled out: its objects vanish, without a word about their properties; a spare hears now."""
        for meter in self.meters:
            await self._end_link(meter, told=False)
        for path in sorted(self.tree.objects, reverse=True):
            if path.startswith(self._adapter):
                self.tree.remove(path)
        spare = (path for path, has in self.tree.objects.items() if _ADAPTER in has)
        self._adapter = next(spare, self._adapter)

    async def power_off(self) -> None:
        """The radio is switched off (rfkill): links end, the objects stay."""
        for meter in self.meters:
            await self._end_link(meter)
        self.tree.change(self._adapter, _ADAPTER, Powered=_NO, Discovering=_NO)

    def power_on(self) -> None:
        """The radio is switched on again."""
        self.tree.change(self._adapter, _ADAPTER, Powered=_YES)

    def lose_bonds(self) -> None:
        """The meters have forgotten the box; BlueZ thinks that all is well."""
        self.bonds.clear()

    async def leave_linked(self, meter: Meter) -> None:
        """The meter's link is up, left by a process that was killed."""
        self._know(meter)
        await self._connect(meter)

    async def drop(self, meter: Meter) -> None:
        """The meter goes out of reach."""
        await self._end_link(meter)

    def is_connected(self, meter: Meter) -> bool:
        """Whether a link to the meter is up."""
        return meter.address in self._links

    # --- the adapter

    def _start_discovery(self, message: Message) -> None:
        adapter = message.path or ""
        if not self.tree.value(adapter, _ADAPTER, "Powered"):
            raise DBusFailureError(_NOT_READY, "Resource Not Ready")
        self.discoveries += 1
        self._heard.clear()
        self.tree.change(adapter, _ADAPTER, Discovering=_YES)

    def _stop_discovery(self, message: Message) -> None:
        adapter = message.path or ""
        if not self.tree.value(adapter, _ADAPTER, "Discovering"):
            raise DBusFailureError(_FAILED, "No discovery started")
        self.tree.change(adapter, _ADAPTER, Discovering=_NO)

    def _remove_device(self, message: Message) -> None:
        meter = next((each for each in self.meters if self._path(each) == message.body[0]), None)
        if meter is None or self._path(meter) not in self.tree.objects:
            raise DBusFailureError("org.bluez.Error.DoesNotExist", "Does Not Exist")
        self.bonds.discard(meter.address)
        self._later(self._forget(meter))

    async def _forget(self, meter: Meter) -> None:
        await self._end_link(meter)
        for path in sorted(self.tree.objects, reverse=True):
            if path.startswith(self._path(meter)):
                self.tree.remove(path)

    async def _advertise(self) -> None:
        while True:
            await asyncio.sleep(_AIR_INTERVAL_S)
            adapter = self.tree.objects.get(self._adapter)
            if adapter is None or not adapter[_ADAPTER]["Discovering"].value:
                continue
            for meter in self.meters:
                quiet = meter.address in self._links or meter.address in self._heard
                if meter.advertising and not quiet:
                    self._heard.add(meter.address)
                    self._know(meter)
                    meter.advertised.set()

    def _know(self, meter: Meter) -> None:
        path, bonded = self._path(meter), meter.address in self.bonds
        if path in self.tree.objects:
            self.tree.change(path, _DEVICE, RSSI=Variant("n", -60))
            return
        services = device_services(meter)
        properties = {
            "Address": Variant("s", meter.address),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", meter.name),
            "Alias": Variant("s", meter.name),
            "Adapter": Variant("o", self._adapter),
            "UUIDs": Variant("as", services),
            "RSSI": Variant("n", -60),
            "Paired": Variant("b", bonded),
            "Bonded": Variant("b", bonded),
            "Trusted": Variant("b", bonded),
            "Connected": _NO,
            "ServicesResolved": _NO,
        }
        self.tree.add(path, _DEVICE, properties)
        self._slow_method(path, "Connect", lambda _: self._connect(meter))
        self._slow_method(path, "Pair", lambda _: self._pair(meter))
        self._slow_method(path, "Disconnect", lambda _: self._end_link(meter))

    # --- one meter

    async def _connect(self, meter: Meter) -> None:
        self.connects_at_once += 1
        self.most_connects_at_once = max(self.most_connects_at_once, self.connects_at_once)
        try:
            await asyncio.sleep(self._air_delay_s)
        finally:
            self.connects_at_once -= 1
        if meter.refuses or not meter.advertising:
            raise DBusFailureError(_FAILED, meter.refuses or "le-connection-timeout")
        meter.connections += 1
        path = self._path(meter)
        self.tree.change(path, _DEVICE, Connected=_YES)
        self._resolve(meter)
        meter.notify = lambda uuid, data: self._notify(meter, uuid, data)
        self._links[meter.address] = asyncio.create_task(meter.speak(), name=meter.name)
        self.tree.change(path, _DEVICE, ServicesResolved=_YES)

    async def _pair(self, meter: Meter) -> None:
        if meter.passkey is not None:
            await self._ask_passkey(meter, meter.passkey)
        self.bonds.add(meter.address)
        bonded = _YES
        self.tree.change(self._path(meter), _DEVICE, Paired=bonded, Bonded=bonded)
        if not self.is_connected(meter):
            await self._connect(meter)

    async def _ask_passkey(self, meter: Meter, passkey: int) -> None:
        rejected = DBusFailureError("org.bluez.Error.AuthenticationFailed", "Authentication Failed")
        if self._agent is None:
            raise rejected
        owner, path = self._agent
        question = Message(
            destination=owner,
            path=path,
            interface=_AGENT,
            member="RequestPasskey",
            signature="o",
            body=[self._path(meter)],
        )
        reply = await self.tree.call(question)
        if reply.message_type is MessageType.ERROR or reply.body != [passkey]:
            raise rejected

    async def _end_link(self, meter: Meter, *, told: bool = True) -> None:
        link = self._links.pop(meter.address, None)
        if link is None:
            return
        meter.notify = None
        for characteristic in meter.characteristics.values():
            characteristic.listening = False
        link.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await link
        if told and self._path(meter) in self.tree.objects:
            off = _NO
            self.tree.change(self._path(meter), _DEVICE, Connected=off, ServicesResolved=off)

    def _resolve(self, meter: Meter) -> None:
        services = {service: number for number, service in enumerate(meter.services)}
        for service, number in services.items():
            path = f"{self._path(meter)}/service{number:04x}"
            if path not in self.tree.objects:
                properties = {
                    "UUID": Variant("s", service),
                    "Primary": _YES,
                    "Device": Variant("o", self._path(meter)),
                }
                self.tree.add(path, _SERVICE, properties)
        for number, uuid in enumerate(meter.characteristics):
            self._resolve_characteristic(meter, uuid, services, 0x100 + number)

    def _resolve_characteristic(
        self, meter: Meter, uuid: str, services: dict[str, int], number: int
    ) -> None:
        characteristic = meter.characteristics[uuid]
        service = f"service{services[full_uuid(characteristic.service)]:04x}"
        path = f"{self._path(meter)}/{service}/char{number:04x}"
        if path in self.tree.objects:
            return
        properties = {
            "UUID": Variant("s", full_uuid(uuid)),
            "Service": Variant("o", f"{self._path(meter)}/{service}"),
            "Flags": Variant("as", characteristic.flags),
            "Notifying": _NO,
            "MTU": Variant("q", 23),
        }
        self.tree.add(path, _CHARACTERISTIC, properties)
        for method, function in (
            ("StartNotify", self._listen),
            ("StopNotify", self._listen),
            ("ReadValue", self._read),
            ("WriteValue", self._write),
        ):
            self.tree.methods[path, _CHARACTERISTIC, method] = self._gatt(meter, uuid, function)

    def _gatt(
        self, meter: Meter, uuid: str, function: Callable[[Meter, str, Message], Message]
    ) -> Callable[[Message], Message]:
        def answer(message: Message) -> Message:
            if not self.is_connected(meter):
                raise DBusFailureError(_FAILED, "Not connected")
            if meter.needs_bond and meter.address not in self.bonds:
                raise DBusFailureError("org.bluez.Error.NotPermitted", "Not paired")
            return function(meter, uuid, message)

        return answer

    def _listen(self, meter: Meter, uuid: str, message: Message) -> Message:
        if not {"notify", "indicate"} & set(meter.characteristics[uuid].flags):
            raise DBusFailureError("org.bluez.Error.NotSupported", "Operation is not supported")
        meter.characteristics[uuid].listening = message.member == "StartNotify"
        return Message.new_method_return(message)

    def _read(self, meter: Meter, uuid: str, message: Message) -> Message:
        return Message.new_method_return(message, "ay", [meter.characteristics[uuid].value])

    def _write(self, meter: Meter, uuid: str, message: Message) -> Message:
        meter.hear(uuid, bytes(message.body[0]))
        return Message.new_method_return(message)

    def _notify(self, meter: Meter, uuid: str, data: bytes) -> None:
        wanted, start = full_uuid(uuid), self._path(meter)
        for path, interfaces in self.tree.objects.items():
            properties = interfaces.get(_CHARACTERISTIC)
            if properties and path.startswith(start) and properties["UUID"].value == wanted:
                self.tree.change(path, _CHARACTERISTIC, Value=Variant("ay", data))
                return

    # --- the bus

    def _path(self, meter: Meter) -> str:
        return f"{self._adapter}/dev_{meter.address.replace(':', '_')}"

    def _register_agent(self, message: Message) -> None:
        self._agent = (message.sender or "", message.body[0])

    def _method(
        self, path: str, interface: str, name: str, function: Callable[[Message], None]
    ) -> None:
        def answer(message: Message) -> Message:
            function(message)
            return Message.new_method_return(message)

        self.tree.methods[path, interface, name] = answer

    def _slow_method(
        self, path: str, name: str, function: Callable[[Message], Awaitable[None]]
    ) -> None:
        async def run(message: Message) -> None:
            try:
                await function(message)
            except DBusFailureError as failure:
                self.tree.send(Message.new_error(message, failure.name, failure.text))
            else:
                self.tree.send(Message.new_method_return(message))

        def answer(message: Message) -> bool:
            self._later(run(message))
            return True

        self.tree.methods[path, _DEVICE, name] = answer

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="simulated bluetoothd")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def device_services(meter: Meter) -> list[str]:
    """What the meter advertises: not the services that every meter has."""
    common = {full_uuid(uuid) for uuid in ("180a", "180f", "1805")}
    return [uuid for uuid in meter.services if uuid not in common]


@contextlib.asynccontextmanager
async def simulated_radio(
    folder: Path, *meters: Meter, air_delay_s: float = 0.0
) -> AsyncIterator[Bluez]:
    """A bus of its own, bluetoothd, and these meters; afterwards no task may be left on the loop."""
    with private_system_bus(folder) as bus:
        async with Bluez(meters, air_delay_s=air_delay_s) as bluez:
            yield bluez
        # bleak keeps one connection to the bus for each loop; it ends with the bus.
        bus.kill()
        async with asyncio.timeout(_TIDY_WITHIN_S):
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)
