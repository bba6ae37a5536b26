"""A private D-Bus, and a service on it whose objects are plain dictionaries."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from koffert_cli.daemons import find_daemon

READY_WITHIN_S = 40.0
Properties = dict[str, Variant]
Method = Callable[[Message], Message | bool]

_OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


@contextlib.contextmanager
def private_system_bus(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A dbus-daemon that this process takes for the system's, for the length of a test."""
    path, configuration = folder / "bus.sock", folder / "bus.conf"
    configuration.write_text(_CONFIGURATION.format(socket=path))
    daemon = find_daemon("dbus-daemon")
    process = subprocess.Popen(
        [str(daemon.path), "--nofork", "--nopidfile", f"--config-file={configuration}"],
        env=daemon.environment(),
        stderr=subprocess.DEVNULL,  # as a user it may not raise its limit of files, and says so
    )
    deadline = time.monotonic() + READY_WITHIN_S
    while not _listens(path):
        assert process.poll() is None, "dbus-daemon did not start"
        assert time.monotonic() < deadline, "dbus-daemon does not listen"
        time.sleep(0.01)
    before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={path}"
    try:
        yield process
    finally:
        if before is None:
            del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
        else:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = before
        process.kill()
        process.wait()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class DBusFailureError(Exception):
    """Raised by a method to answer with an error of that name and text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name, self.text = name, text


class ObjectTree:
    """A D-Bus service: properties by path and interface, methods by path, interface and name.

    Only what is put into it exists; a change made by `change` is announced as D-Bus wants it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._bus: MessageBus | None = None
        self.objects: dict[str, dict[str, Properties]] = {}
        self.methods: dict[tuple[str, str, str], Method] = {}

    async def open(self) -> None:
        """Take the service's name on the bus."""
        self._bus = MessageBus(bus_type=BusType.SYSTEM)
        self._bus.add_message_handler(self._handle)
        await self._bus.connect()
        await self._bus.request_name(self._name)

    async def close(self) -> None:
        """Vanish without a word, as a killed daemon does."""
        bus, self._bus = self._bus, None
        self.objects.clear()
        self.methods.clear()
        if bus is not None:
            bus.disconnect()
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # so in dbus-fast

    @property
    def is_open(self) -> bool:
        return self._bus is not None

    def add(self, path: str, interface: str, properties: Properties) -> None:
        """A new object, announced."""
        self.objects.setdefault(path, {})[interface] = properties
        body = [path, {interface: properties}]
        self._signal("/", _OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", body)

    def remove(self, path: str) -> None:
        """The object is gone, announced."""
        interfaces = list(self.objects.pop(path))
        for key in [key for key in self.methods if key[0] == path]:
            del self.methods[key]
        self._signal("/", _OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, interfaces])

    def change(self, path: str, interface: str, **changed: Variant) -> None:
        """New values of properties, announced."""
        self.objects[path][interface].update(changed)
        body = [interface, changed, []]
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def value(self, path: str, interface: str, name: str) -> Any:
        """The value of a property."""
        return self.objects[path][interface][name].value

    async def call(self, message: Message) -> Message:
        """Call somebody else on the bus."""
        assert self._bus is not None
        reply = await self._bus.call(message)
        assert reply is not None
        return reply

    def send(self, message: Message) -> None:
        """Send, unless the service is gone."""
        if self._bus is not None:
            self._bus.send(message)

    def _signal(self, path: str, interface: str, member: str, signature: str, body: Any) -> None:
        self.send(Message.new_signal(path, interface, member, signature, body))

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        try:
            return self._answer(message)
        except DBusFailureError as failure:
            return Message.new_error(message, failure.name, failure.text)

    def _answer(self, message: Message) -> Message | bool | None:
        path, interface, member = message.path or "", message.interface or "", message.member or ""
        if (interface, member) == (_OBJECT_MANAGER, "GetManagedObjects"):
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.objects])
        if (interface, member) == (_PROPERTIES, "Set") and path in self.objects:
            target, name, value = message.body
            self.change(path, target, **{name: value})
            return Message.new_method_return(message)
        method = self.methods.get((path, interface, member))
        if method is None:
            if path not in self.objects:
                raise DBusFailureError("org.freedesktop.DBus.Error.UnknownObject", path)
            raise DBusFailureError("org.freedesktop.DBus.Error.UnknownMethod", member)
        return method(message)
