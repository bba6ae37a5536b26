"""What a run of the virtual suitcase measured, for people: docs/reports/virtual-suitcase.md."""

from pathlib import Path

_HEAD = """# The virtual suitcase: the last run

Written by `make test-suitcase`. Everything is emulated in software on a shared machine: times are many times what
hardware needs, and vary from run to run. What must hold is asserted by the test; these are its figures.

| What | Measured |
|---|---|
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
        path.write_text(_HEAD + "\n".join(self._rows) + "\n" + "".join(self._notes))
