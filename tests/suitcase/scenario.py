"""What happens to the suitcase, step by step; each step measures something for the report."""

import re
import time

from playwright.sync_api import expect

from tests.suitcase.centre import BOX, Centre
from tests.suitcase.machine import METER_PORT, Machine
from tests.suitcase.nurse import colours, frames, nurse_at_the_call, size, wait_for_frames
from tests.suitcase.report import Report

METER = "C0:1C:05:00:00:01"
AGENT = "koffert-agent.service"
# systemd's patience with the agent, and what a start takes under emulation.
WATCHDOG_S = 30.0
STARTS_WITHIN_S = 240.0
READINGS_EACH = 5
# What is promised of a box: from the kernel's end to measuring, memory, and what an SD card bears.
READY_WITHIN_S, RESIDENT_MB, WRITTEN_MB_A_DAY = 30.0, 250.0, 50.0
AGENT_BACK_WITHIN_S = 60.0
PROCESSORS = 2
# What the last receipts still write.
SETTLES_S = 30.0
# An emulated processor encodes a picture in the time of many.
RINGS_AND_CONNECTS_WITHIN_S, FRAMES_EACH = 120.0, 10
# The kernel's test picture has eight bars; some may lie below its text or run into each other.
COLOURS = 5
# The emulated sound card's loudspeaker and microphone.
SOUND = "/proc/asound/card0/pcm0[pc]/sub0/status"
# Of 32,767.
LOUD = 3000
FINGER = "python3 /usr/lib/koffert-test/finger.py"


class Scenario:
    """The steps, in the order of the test; `site` runs all the while."""

    def __init__(self, machine: Machine, centre: Centre, report: Report) -> None:
        self.machine = machine
        self.centre = centre
        self.report = report

    # -- the first hour -----------------------------------------------------------------------------

    def first_boot(self) -> None:
        """Power on with a stick in: the box enrols with nobody touching anything."""
        began_s = time.monotonic()
        self.machine.power_on()
        self.report.add("boot to hands", self.machine.wait_until_up(), "s")
        self.centre.wait_for(
            lambda: self.centre.hub("device", "show", BOX).printed["state"] == "ready",
            f"enrolled\n{self.machine.journal()}",
            STARTS_WITHIN_S,
        )
        self._agent_runs()
        self.report.add("power on to enrolled and running", time.monotonic() - began_s, "s")

    def pair_and_lend(self) -> None:
        """What the engineer does once: the box to a patient, the meter into the box's book."""
        self.centre.lend(BOX, "Testpasient 1")
        self.centre.wait_for(
            lambda: self.centre.hub("device", "show", BOX).printed["state_followed"],
            "the box follows its loan",
            STARTS_WITHIN_S,
        )
        self.machine.wait_for(
            lambda: "Powered: yes" in self.machine.run("bluetoothctl show").output,
            "bluetoothd has the radio",
        )
        self.machine.wait_for(
            lambda: "on the air" in self.machine.run("journalctl -u koffert-test-radio").output,
            "the meter advertises",
        )
        took_s = time.monotonic()
        said = self.machine.must(f"koffert agent pair {METER}", within_s=150)
        self.report.add("pairing, with a bond", time.monotonic() - took_s, "s")
        assert "nonin-ble" in said, said
        self.report.add("first readings at the centre", self.readings_arrive(), "s")

    # -- faults -------------------------------------------------------------------------------------

    def power_cut(self) -> None:
        """In the middle of measuring; then nothing but the power comes back."""
        before = len(self.centre.acknowledged())
        self.machine.cut_power()
        began_s = time.monotonic()
        self.machine.power_on()
        self.machine.wait_until_up()
        self.report.add("power back to systemd up", time.monotonic() - began_s, "s")
        self.readings_arrive(STARTS_WITHIN_S)
        self.report.add("power back to readings", time.monotonic() - began_s, "s")
        assert len(self.centre.acknowledged()) > before

    def meter_put_away(self) -> None:
        """Switched off and on again, as after each measurement."""
        self.put_meter_away()
        began_s = time.monotonic()
        self.machine.must("rm /run/koffert-test-put-away")
        self.measures(1)
        self.report.add("meter on to a value on the disk", time.monotonic() - began_s, "s")

    def put_meter_away(self) -> None:
        """Until the file is gone."""
        self.machine.must("touch /run/koffert-test-put-away")
        self.machine.wait_for(
            lambda: "Connected: no" in self.machine.run(f"bluetoothctl info {METER}").output,
            "the meter is away",
        )

    def network_cut(self, for_s: float) -> None:
        """The cable is out, and much else happens, while the meter goes on; then all of it arrives."""
        self.machine.plug_cable(plugged=False)
        known, cut_s = len(self.centre.acknowledged()), time.monotonic()
        self.agent_killed()
        self.agent_frozen()
        self.bluetoothd_restarted()
        time.sleep(max(0.0, cut_s + for_s - time.monotonic()))
        without_s, began_s = time.monotonic() - cut_s, time.monotonic()
        while_away = len(self.centre.acknowledged()) - known
        assert self.centre.totals().lost >= while_away >= 3 * READINGS_EACH, (
            "it measures on, and nothing comes"
        )
        self.machine.plug_cable(plugged=True)
        self.everything_arrived()
        self.report.add("time without network", without_s, "s")
        self.report.add("readings taken without network", while_away, "")
        self.report.add("network back to everything at the centre", time.monotonic() - began_s, "s")

    def agent_killed(self) -> None:
        """Kill -9."""
        killed = self.machine.main_pid(AGENT)
        began_s = time.monotonic()
        self.machine.must(f"kill -9 {killed}")
        self._agent_runs(instead_of=killed)
        took_s = time.monotonic() - began_s
        self.report.add("agent killed to running again", took_s, "s")
        assert took_s <= AGENT_BACK_WITHIN_S
        self.measures(READINGS_EACH)

    def agent_frozen(self) -> None:
        """SIGSTOP: systemd's watchdog ends it and starts another."""
        frozen = self.machine.main_pid(AGENT)
        began_s = time.monotonic()
        self.machine.must(f"kill -STOP {frozen}")
        self._agent_runs(instead_of=frozen)
        self.report.add("agent frozen to running again", time.monotonic() - began_s, "s")
        self.measures(READINGS_EACH)

    def bluetoothd_restarted(self) -> None:
        """Its links are gone, and the agent notices."""
        began_s = time.monotonic()
        agent = self.machine.main_pid(AGENT)
        self.machine.must("systemctl restart bluetooth")
        self.measures(READINGS_EACH)
        self.report.add("bluetoothd restarted to readings", time.monotonic() - began_s, "s")
        assert self.machine.main_pid(AGENT) == agent

    # -- cables, camera and sound -------------------------------------------------------------------

    def serial_meter(self, port: str) -> None:
        """A meter on a cable, put in while the box runs: what speaks is behind `port` of this machine."""
        self.put_meter_away()
        self.everything_arrived()
        began_s = time.monotonic()
        self.machine.plug_meter(port)
        self.readings_arrive()
        self.report.add(
            "meter's cable in to readings at the centre", time.monotonic() - began_s, "s"
        )
        kept = self.machine.must(f"stat -Lc '%G %a' {METER_PORT}").split()
        assert kept == ["dialout", "660"]
        self.machine.unplug_meter()

    def video_visit(self) -> None:
        """The nurse rings, the patient answers: camera, microphone and loudspeaker are theirs until they hang up."""
        self.machine.must("modprobe vivid n_devs=1 node_types=0x1 && udevadm settle")
        self.machine.must("test -c /dev/video0")
        with nurse_at_the_call(self.centre) as page:
            self.machine.must(f"{FINGER} picture >/run/koffert-test-finger.log 2>&1 &")
            page.click("#ring")
            began_s = time.monotonic()
            wait_for_frames(page, 1, RINGS_AND_CONNECTS_WITHIN_S)
            self.report.add("rung to the patient's first picture", time.monotonic() - began_s, "s")
            shown, began_s = frames(page), time.monotonic()
            wait_for_frames(page, shown + FRAMES_EACH, RINGS_AND_CONNECTS_WITHIN_S)
            rate_hz = (frames(page) - shown) / (time.monotonic() - began_s)
            width, height = size(page)
            self.report.add("pictures a second, decoded", rate_hz, "")
            self.report.add("their width", width, "pixels")
            assert width * 3 == height * 4
            seen = colours(page)
            assert len(seen) >= COLOURS, seen
            self.sound_runs()
            self.machine.must(f"{FINGER} hang-up")
            expect(page.locator("#said")).to_have_text("Samtalen er slutt.", timeout=60_000)
        video = self.machine.main_pid("koffert-video.service")
        self.machine.wait_for(
            lambda: "video0" not in self.machine.run(f"ls -l /proc/{video}/fd").output,
            "the camera is let go",
        )
        self.machine.wait_for(
            lambda: self.machine.must(f"cat {SOUND}").split() == ["closed", "closed"],
            "the sound is let go",
        )
        self.machine.must("modprobe -r vivid")

    def sound_runs(self) -> None:
        """Through the box's own user and sandbox: both directions are open, and their samples move on."""
        self.machine.wait_for(
            lambda: self.machine.must(f"grep -h state: {SOUND} || true").count("RUNNING") == 2,
            "sound",
        )
        before = self._samples()
        self.machine.wait_for(
            lambda: all(now > then for then, now in zip(before, self._samples(), strict=True)),
            "samples go in and out",
        )

    def _samples(self) -> list[int]:
        """How far loudspeaker and microphone are."""
        return [
            int(line.split()[-1])
            for line in self.machine.must(f"grep -h hw_ptr {SOUND}").splitlines()
        ]

    def speaks(self) -> None:
        """What the screen says, by Debian's espeak-ng in the kiosk's sandbox."""
        began_s = time.monotonic()
        heard = self.machine.must("python3 /usr/lib/koffert-test/ear.py").splitlines()
        self.report.add("a screen's sentences spoken", time.monotonic() - began_s, "s")
        assert heard
        for sentence in heard:
            rate_hz, samples, loudest = map(int, sentence.split())
            assert samples >= rate_hz / 2, heard
            assert loudest >= LOUD, heard

    # -- what it costs ------------------------------------------------------------------------------

    def boot_time(self) -> None:
        """As systemd tells it."""
        said = self.machine.must("systemd-analyze time")
        self.report.note("systemd-analyze time", said)
        kernel_s = self._systemd_s("UserspaceTimestampMonotonic")
        late_s = 0.0
        for unit in (AGENT, "koffert-kiosk.service"):
            ready_s = self._systemd_s("ActiveEnterTimestampMonotonic", unit) - kernel_s
            self.report.add(f"{unit} ready, after the kernel", ready_s, "s")
            late_s = max(late_s, ready_s)
        blamed = self.machine.must("systemd-analyze blame --no-pager | head -12")
        self.report.note("systemd-analyze blame", blamed)
        chain = self.machine.must("systemd-analyze critical-chain --no-pager koffert-agent.service")
        self.report.note("systemd-analyze critical-chain koffert-agent.service", chain)
        # Where others have this machine's processors, the emulated ones stand still: then it is the emulator's processor
        # time, of the whole boot, by this part of it.
        used_s = self.machine.processor_s_up
        self.report.add("processor time of the emulator, power on to systemd up", used_s, "s")
        part = late_s / self._systemd_s("FinishTimestampMonotonic")
        alone_s = used_s * part / PROCESSORS
        self.report.add("both ready, after the kernel, by processor time", alone_s, "s")
        assert min(late_s, alone_s) <= READY_WITHIN_S

    def _systemd_s(self, moment: str, unit: str = "") -> float:
        """A moment that systemd has noted, since the kernel began."""
        return int(self.machine.must(f"systemctl show -P {moment} {unit}")) / 1e6

    def idle(self, for_s: float) -> None:
        """Memory, and what is written to the disk, with the meter put away."""
        self.everything_arrived()
        time.sleep(SETTLES_S)
        before = self._written_bytes()
        time.sleep(for_s)
        written = self._written_bytes() - before
        written_mb = written / for_s * 86_400 / 1e6
        self.report.add("written to the disk, idle, per day", written_mb, "MB")
        total = 0.0
        for unit in (AGENT, "koffert-kiosk.service", "koffert-video.service"):
            resident_mb = self._resident_mb(unit)
            total += resident_mb
            self.report.add(f"resident, {unit}", resident_mb, "MB")
        self.report.add("resident, all of ours", total, "MB")
        assert total <= RESIDENT_MB
        assert written_mb <= WRITTEN_MB_A_DAY

    def _written_bytes(self) -> int:
        """Sectors written, of the whole disk; see the kernel's Documentation/block/stat."""
        return int(self.machine.must("sync; cat /sys/block/vda/stat").split()[6]) * 512

    def _resident_mb(self, unit: str) -> float:
        status = self.machine.must(f"cat /proc/{self.machine.main_pid(unit)}/status")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1000

    # -- the package --------------------------------------------------------------------------------

    def package_comes_and_goes(self, newer: str) -> None:
        """Upgraded while it runs, removed, purged: `newer` is the package's path inside."""
        self.machine.must("rm /run/koffert-test-put-away; mount -o remount,rw /")
        old = self.machine.main_pid(AGENT)
        began_s = time.monotonic()
        self.machine.must(f"dpkg --install {newer}", within_s=600)
        self.report.add("upgrade", time.monotonic() - began_s, "s")
        self._agent_runs(instead_of=old)
        self.readings_arrive()
        self.everything_arrived()
        self.machine.must("dpkg --remove koffert-agent", within_s=400)
        for unit in (AGENT, "koffert-kiosk.service", "koffert-video.service"):
            assert self.machine.run(f"systemctl is-active {unit}").output.strip() != "active"
        assert self.machine.run("test -e /usr/lib/koffert-agent").code != 0
        assert self.machine.run("test -e /var/lib/koffert/identity/identity.json").code == 0
        self.machine.must("dpkg --purge koffert-agent", within_s=400)
        left = self.machine.must(
            "find / -xdev -path /proc -prune -o -iname '*koffert*' -print"
            " | grep -v -e koffert-test -e '^/var/lib/koffert$' -e '^/etc/systemd/system/koffert-.*[.]service[.]d'"
            " -e /etc/initramfs-tools || true"
        )
        assert left == "", left
        assert self.machine.must("ls -A /var/lib/koffert") == ""
        failed = self.machine.must("systemctl --failed --no-legend --plain")
        assert "koffert-agent" not in failed, failed

    # -- what must hold -----------------------------------------------------------------------------

    def measures(self, readings: int, within_s: float = 300.0) -> None:
        """Wait until the box has called so many new readings safe."""
        wanted = len(self.centre.acknowledged()) + readings
        self.machine.wait_for(
            lambda: len(self.centre.acknowledged()) >= wanted, "the box measures", within_s
        )

    def readings_arrive(self, within_s: float = 300.0) -> float:
        """Wait until the box has some new readings and the centre has all there were; how long it took."""
        began_s = time.monotonic()
        self.measures(READINGS_EACH, within_s)
        self.everything_arrived()
        return time.monotonic() - began_s

    def everything_arrived(self) -> None:
        """Wait until the centre has each reading that the box has called safe."""
        self.machine.wait_for(
            lambda: self.centre.totals().lost == 0, "everything is at the centre", 180
        )

    def _agent_runs(self, instead_of: int = 0) -> None:
        self.machine.wait_for(
            lambda: (
                self.machine.run(f"systemctl is-active {AGENT}").output.strip() == "active"
                and self.machine.main_pid(AGENT) not in {0, instead_of}
            ),
            "the agent runs",
            STARTS_WITHIN_S,
        )
