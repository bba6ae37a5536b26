"""What a run of the virtual suitcase measured, for people: docs/reports/virtual-suitcase.md."""

from pathlib import Path

_HEAD = """# The virtual suitcase: the last run

Written by `make test-suitcase`. Everything is emulated in software on a shared machine: times are many times what
hardware needs, and vary from run to run. What must hold is asserted by the test; these are its figures.

| What | Measured |
|---|---|
"""

_NOT_SHOWN = """
## Not shown here

- Hardware: no SD card, no Raspberry Pi, no real radio. Times natively are in no way measured here.
- A camera of glass: the kernel's own test picture (vivid) stands in for it. Sound that is heard: the emulated card plays to nobody.
- The kiosk's browser: Chromium and its compositor are not on the image, for without a GPU the emulator would draw for seconds at each picture. The
  unit is verified and scored, the page is tried in Chromium on the outer machine, and here a program presses its buttons.
- Meters other than a simulated Nonin 3230 on Bluetooth and a simulated Nonin on a cable.
- Idle writes over a day: the window is a minute and a half, half a minute after the last receipts. The
  ten-minute tidying of the outbox is not in it; on an ext4 of its own it wrote 25 kB a time, so 3.6 MB a day, before
  checkpoints of the write-ahead log.
- Workers of the hub (koffert-hub-worker@) under systemd: they need PostgreSQL.
"""


class Report:
    """Figures and quotations, in the order in which they come."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self._notes: list[str] = []

    def add(self, what: str, value: float, unit: str) -> None:
        """One figure; also shown at once, for whoever waits."""
        text = f"{value:.1f} {unit}" if unit else f"{value:g}"
        print(f"{what}: {text}", flush=True)
        self._rows.append(f"| {what} | {text} |")

    def note(self, what: str, text: str) -> None:
        """Something that a program printed."""
        print(f"{what}:\n{text}", flush=True)
        self._notes.append(f"\n## {what}\n\n```\n{text.strip()}\n```\n")

    def write(self, path: Path) -> None:
        """Replace the last run's report."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_HEAD + "\n".join(self._rows) + "\n" + "".join(self._notes) + _NOT_SHOWN)
