"""The emergency centre's register as a process of its own, following a hub."""

import subprocess
import sys
from pathlib import Path

import msgspec

from koffert_hub.keys import LOG_PUBLIC_FILE
from tests.hub.broker import TestBroker
from tests.hub.process import HubProcess
from tests.support.mosquitto import free_port

PROGRAM = (sys.executable, "-c", "from koffert_cli.main import main; main()")


def koffert(*arguments: str) -> list[dict[str, object]]:
    """Run the command; its JSON lines."""
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


def prepare(folder: Path, broker: TestBroker) -> tuple[HubProcess, str]:
    """A hub that streams its log, and the settings of the register that follows it."""
    hub = HubProcess(folder, broker)
    port, tls, server = free_port(), broker.certificate("amk"), broker.server_certificate("reg")
    config = folder / "amk.toml"
    config.write_text(
        f'data_dir = "amk"\nsilent_after_s = 2.5\n[[hubs]]\nname = "dalane"\nhost = "127.0.0.1"\n'
        f'port = {port}\nca = "{tls.ca}"\ncertificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
        f'log_key = "{hub.settings.data_dir / LOG_PUBLIC_FILE}"\n'
    )
    (made,) = koffert("amk", "init", "--config", str(config), "--json")
    with hub.config.open("a") as file:
        file.write(
            f'[register]\nport = {port}\nca = "{server.ca}"\ncertificate = "{server.certificate}"\n'
            f'key = "{server.key}"\nreplica_key = "{made["public_key"]}"\n'
        )
    return hub, str(config)
