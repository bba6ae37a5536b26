"""The virtual suitcase: its image in QEMU's emulation, with hands inside, a monitor outside, and a power switch."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from suitcase_image import Image

# Emulated, on a machine that may have other work: a boot takes a minute, or five.
BOOTS_WITHIN_S = 420.0
_LOOK_INTERVAL_S = 0.25
# What our udev rules call the meter's cable.
METER_SERIAL = "500000002"
METER_PORT = f"/dev/koffert/QEMU_QEMU_USB_SERIAL_{METER_SERIAL}"
# What hardware hardly feels and an emulator pays for at every system call and mount: guards against a processor's
# leaks (there is none), pages wiped before use, waiting for all processors, three serial ports that are not there.
_EMULATED = (
    "mitigations=off init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off"
    " rcupdate.rcu_expedited=1 8250.nr_uarts=1"
)


class Done(NamedTuple):
    """How a command inside ended."""

    code: int
    output: str


class MachineError(AssertionError):
    """The virtual suitcase does not do what it must; the message holds the end of its console."""


class Machine:
    """One suitcase with its own copy of the disk. `stick` is a disk image that is plugged in as a USB stick."""

    def __init__(self, folder: Path, image: Image, stick: Path | None = None) -> None:
        self.folder = folder
        self.readings = folder / "readings.txt"
        self._image = image
        self._stick = stick
        self._disk = folder / "disk.img"
        shutil.copyfile(image.disk, self._disk)
        self._process: subprocess.Popen[bytes] | None = None
        self._hands: socket.socket | None = None
        self._number = 0
        self.boots = 0
        # What the emulator had used when systemd was up.
        self.processor_s_up = 0.0

    # -- power --------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Start it; returns at once."""
        self.boots += 1
        self._hands_path.unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def cut_power(self) -> None:
        """End it as a pulled plug would; no error when it is off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._hands is not None:
            self._hands.close()
            self._hands = None

    def _command(self) -> list[str]:
        console = self.folder / f"console-{self.boots}.log"
        stick = (
            *("-drive", f"file={self._stick},format=raw,if=none,id=stick,readonly=on"),
            *("-device", "usb-storage,drive=stick,removable=on"),
        )
        return [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem"),
            *("-m", "1024", "-smp", "2", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            *("-append", f"{self._image.command_line} {_EMULATED}", "-serial", f"file:{console}"),
            # What the guest has flushed is in this machine's memory, which a killed QEMU does not lose.
            *("-drive", f"file={self._disk},format=raw,if=none,id=disk,cache=unsafe"),
            *("-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci"),
            *("-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,id=cable"),
            *("-audiodev", "none,id=sound"),
            *("-device", "intel-hda", "-device", "hda-duplex,audiodev=sound"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=hands,path={self._hands_path},server=on,wait=off"),
            *("-device", "virtserialport,chardev=hands,name=koffert.hands"),
            *("-chardev", f"file,id=readings,path={self.readings},append=on"),
            *("-device", "virtserialport,chardev=readings,name=koffert.readings"),
            *("-qmp", f"unix:{self._monitor_path},server=on,wait=off"),
            *("-device", "qemu-xhci"),
            *(stick if self._stick else ()),
        ]

    @property
    def _hands_path(self) -> Path:
        return self.folder / "hands"

    @property
    def _monitor_path(self) -> Path:
        return self.folder / "monitor"

    # -- hands --------------------------------------------------------------------------------------

    def wait_until_up(self) -> float:
        """Wait until systemd has started everything; returns after how many seconds."""
        began_s = time.monotonic()
        self._connect(began_s + BOOTS_WITHIN_S)
        assert self._process is not None
        # Asking again and again would take from what is measured.
        came = self.run("systemctl is-system-running --wait", BOOTS_WITHIN_S).output.strip()
        if came != "running":
            failed = self.run("systemctl --failed --no-pager").output
            raise MachineError(f"systemd: {came}\n{failed}\n{self.journal()}")
        spent = psutil.Process(self._process.pid).cpu_times()
        self.processor_s_up = spent.user + spent.system
        return time.monotonic() - began_s

    def _connect(self, deadline_s: float) -> None:
        """QEMU holds what is said until the hands inside take it."""
        while not self._hands_path.is_socket():
            self._must_be_on()
            time.sleep(_LOOK_INTERVAL_S)
        self._hands = socket.socket(socket.AF_UNIX)
        self._hands.connect(str(self._hands_path))
        try:
            self.run("true", within_s=deadline_s - time.monotonic())
        except TimeoutError as error:
            raise MachineError(f"no hands inside\n{self.console()}") from error

    def run(self, command: str, within_s: float = 180.0) -> Done:
        """Run a shell command inside, as root; raises TimeoutError."""
        assert self._hands is not None
        self._must_be_on()
        self._number += 1
        request = {"id": self._number, "command": command, "within_s": within_s}
        self._hands.sendall(json.dumps(request).encode() + b"\n")
        self._hands.settimeout(within_s + 20)
        said = b""
        while True:
            piece = self._hands.recv(65_536)
            if not piece:
                raise MachineError(f"the hands are gone\n{self.console()}")
            said += piece
            *lines, said = said.split(b"\n")
            for line in lines:
                answer = json.loads(line)
                if answer["id"] == self._number:
                    return Done(answer["code"], answer["output"])

    def must(self, command: str, within_s: float = 180.0) -> str:
        """Run a command that has to succeed; returns what it printed."""
        done = self.run(command, within_s)
        if done.code != 0:
            raise MachineError(f"{command}: {done.code}\n{done.output}")
        return done.output

    def wait_for(
        self, condition: Callable[[], object], what: str, within_s: float = 240.0
    ) -> float:
        """Wait until the condition holds; returns after how many seconds."""
        began_s = time.monotonic()
        while not condition():
            self._must_be_on()
            if time.monotonic() > began_s + within_s:
                raise MachineError(f"not within {within_s:g} s: {what}\n{self.journal()}")
            time.sleep(_LOOK_INTERVAL_S)
        return time.monotonic() - began_s

    def main_pid(self, unit: str) -> int:
        """The unit's main process; 0 while there is none."""
        return int(self.must(f"systemctl show -P MainPID {unit}"))

    def journal(self, lines: int = 60) -> str:
        """The end of what the suitcase has logged."""
        try:
            return self.run(f"journalctl --no-pager -o short-monotonic -n {lines}").output
        except (OSError, TimeoutError, MachineError):
            return self.console()

    def console(self) -> str:
        """The end of what the kernel wrote."""
        path = self.folder / f"console-{self.boots}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def _must_be_on(self) -> None:
        if self._process is None or self._process.poll() is not None:
            log = (self.folder / "qemu.log").read_text(errors="replace")
            raise MachineError(f"the suitcase is off\n{log[-1000:]}\n{self.console()}")

    # -- monitor ------------------------------------------------------------------------------------

    def plug_cable(self, *, plugged: bool) -> None:
        """Pull the network cable, or put it back."""
        self._monitor("set_link", name="cable", up=plugged)

    def plug_meter(self, port: str) -> None:
        """Put a meter's cable in: an FTDI chip on USB, behind which speaks whatever has `port` of this machine."""
        self._monitor(
            "chardev-add",
            id="meter",
            backend={"type": "serial", "data": {"device": port}},
        )
        self._monitor(
            "device_add", driver="usb-serial", id="meter", chardev="meter", serial=METER_SERIAL
        )

    def unplug_meter(self) -> None:
        """Pull its cable out."""
        self._monitor("device_del", id="meter")

    def _monitor(self, command: str, **arguments: Any) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(20)
            monitor.connect(str(self._monitor_path))
            with monitor.makefile("rwb") as lines:
                lines.readline()
                for each in (
                    {"execute": "qmp_capabilities"},
                    {"execute": command, "arguments": arguments},
                ):
                    lines.write(json.dumps(each).encode() + b"\n")
                    lines.flush()
                    answer = json.loads(lines.readline())
                    while "event" in answer:
                        answer = json.loads(lines.readline())
                    if "error" in answer:
                        raise MachineError(str(answer["error"]))
