"""The hub and broker on this machine, as the suitcase reaches them over its emulated network."""

import time
from collections.abc import Callable
from pathlib import Path

from koffert_cli.demonstration.boxes import Acknowledged
from koffert_cli.demonstration.totals import Totals, totals
from koffert_hub.database import open_database
from tests.support.cli_site import CliSite

# QEMU's user network: this machine's loopback, as the guest sees it.
ADDRESS_INSIDE = "10.0.2.2"
BOX = "koffert-0001"


class Centre(CliSite):
    """One centre with one box; readings are compared one by one."""

    def __init__(self, folder: Path, readings: Path) -> None:
        super().__init__(folder, ADDRESS_INSIDE)
        self._readings = readings

    def acknowledged(self) -> list[Acknowledged]:
        """All readings that the box has called safe. The last line may be cut off by a power cut."""
        if not self._readings.exists():
            return []
        whole = self._readings.read_text(errors="replace").rpartition("\n")[0]
        found = []
        for line in whole.splitlines():
            identifier, _, wall_ns = line.split()
            found.append(Acknowledged(bytes.fromhex(identifier), int(wall_ns)))
        return found

    def totals(self) -> Totals:
        """What the box has called safe against what the hub holds."""
        engine = open_database(f"sqlite:///{self.folder / 'hub' / 'hub.sqlite'}")
        try:
            return totals(self.acknowledged(), engine)
        finally:
            engine.dispose()

    def wait_for(self, condition: Callable[[], object], what: str, within_s: float) -> float:
        """Wait until the condition holds; returns after how many seconds."""
        began_s = time.monotonic()
        while not condition():
            assert time.monotonic() < began_s + within_s, f"{what}: not within {within_s:g} s"
            time.sleep(0.2)
        return time.monotonic() - began_s
