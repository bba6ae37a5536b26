"""The centre's package on the box's image, once the box's has gone: real systemd and the units' own sandboxes."""

import shlex
import time

from tests.suitcase.machine import Machine
from tests.suitcase.report import Report

HUB, BROKER, AMK = "koffert-hub.service", "koffert-broker.service", "koffert-amk.service"
WEB_PORT = 8080
_INSTALLS_WITHIN_S = 400.0
_STATE = "/var/lib/koffert-hub"
_HUB_SETTINGS = f"""data_dir = "{_STATE}"
centre = "Testsenter"

[broker]
port = 8884
ca = "{_STATE}/pki/root.crt"
certificate = "{_STATE}/pki/hub.crt"
key = "{_STATE}/pki/hub.key"

[provisioning]
address = "127.0.0.1"
port = 8443
device_port = 8883

[web]
port = {WEB_PORT}
https = false
"""
# A hub that is not reached raises an alarm there, and does not keep the register from running.
_AMK_SETTINGS = """data_dir = "/var/lib/koffert-amk"

[[hubs]]
name = "test"
host = "127.0.0.1"
port = 8885
ca = "/etc/koffert/amk/root.crt"
certificate = "/etc/koffert/amk/hub.crt"
key = "/etc/koffert/amk/hub.key"
log_key = "/etc/koffert/amk/log.pub"
"""
_ANSWERS = (
    "/usr/lib/koffert-hub/bin/python3 -I -c 'import urllib.request as r;"
    f' print(r.urlopen("http://127.0.0.1:{WEB_PORT}/login").status)\''
)


class HubInside:
    """The steps; the machine's root is writable by now."""

    def __init__(self, machine: Machine, report: Report) -> None:
        self._machine = machine
        self._report = report

    def package_comes_and_goes(self, first: str, newer: str) -> None:
        """Installed, set up, upgraded while it runs, removed, purged; both are paths inside."""
        self._timed("hub: package installed", f"dpkg --install {first}")
        for unit in (HUB, BROKER, AMK):
            assert self._state(unit) == "inactive", "nothing runs before the keys are made"
        self._set_up()
        self._timed("hub: broker, hub and register ready", f"systemctl start {BROKER} {HUB} {AMK}")
        before = self._running()
        self._timed("hub: upgrade", f"dpkg --install {newer}")
        after = self._running()
        assert not set(before) & set(after)
        self._timed("hub: removed", "dpkg --remove koffert-hub")
        for unit in (HUB, BROKER, AMK):
            assert self._state(unit) != "active"
        assert self._machine.run("test -e /usr/lib/koffert-hub").code != 0
        assert self._machine.run("test -e /etc/koffert/hub.toml").code == 0
        self._timed("hub: purged", "dpkg --purge koffert-hub")
        assert self._machine.run("test -e /etc/koffert").code != 0
        # Patients' records and the register stay.
        assert self._machine.run(f"test -e {_STATE}/log.pub -a -e /var/lib/koffert-amk").code == 0
        failed = self._machine.must("systemctl --failed --no-legend --plain")
        assert not any(unit in failed for unit in (HUB, BROKER, AMK)), failed

    def _set_up(self) -> None:
        for name, text in (("hub", _HUB_SETTINGS), ("amk", _AMK_SETTINGS)):
            self._machine.must(f"echo {shlex.quote(text)} >/etc/koffert/{name}.toml")
        self._machine.must(
            "install -m 0400 -o koffert-hub /dev/null /run/passphrase"
            " && echo correct horse battery >/run/passphrase"
        )
        init = "koffert hub init --config /etc/koffert/hub.toml"
        self._timed("hub: key ceremony", f"{init} --root-passphrase-file /run/passphrase")
        kept = " ".join(f"{_STATE}/{name}" for name in ("pki/root.crt", "pki/hub.crt", "log.pub"))
        self._machine.must(
            "install -d -o koffert-amk /etc/koffert/amk"
            f" && install -m 0400 -o koffert-amk {kept} {_STATE}/pki/hub.key /etc/koffert/amk"
        )
        self._machine.must("koffert amk init --config /etc/koffert/amk.toml")

    def _running(self) -> list[int]:
        """All three run, and the pages answer; their processes."""
        for unit in (HUB, BROKER, AMK):
            assert self._state(unit) == "active", self._machine.journal()
        assert self._machine.must(_ANSWERS).strip() == "200"
        return [self._machine.main_pid(unit) for unit in (HUB, BROKER, AMK)]

    def _state(self, unit: str) -> str:
        return self._machine.run(f"systemctl is-active {unit}").output.strip()

    def _timed(self, what: str, command: str) -> None:
        began_s = time.monotonic()
        self._machine.must(command, _INSTALLS_WITHIN_S)
        self._report.add(what, time.monotonic() - began_s, "s")
