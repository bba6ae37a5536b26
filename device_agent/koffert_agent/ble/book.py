"""The meters that belong to the case: `<data_dir>/meters.json`, which outlives every loan."""

from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from koffert_wire.private_files import replace_private

FILE = "meters.json"


class UnreadableBook(Exception):
    """The file is damaged: which meters are paired is not known."""


class PairedMeter(Struct, frozen=True):
    """One meter: `serial` is the maker's number where the meter tells it, `name` what it advertises."""

    address: str
    driver: str
    name: str | None = None
    serial: str | None = None

    @property
    def distinct(self) -> str:
        """What tells it from another meter of the same model."""
        return self.serial or self.address


class MeterBook:
    """Reads and writes the file; each call sees what another process has just written."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE

    def meters(self) -> tuple[PairedMeter, ...]:
        """All paired meters, by address; raises UnreadableBook."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[PairedMeter, ...])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableBook(f"{self._path}: {error}") from error

    def add(self, meter: PairedMeter) -> None:
        """Enter a meter, in place of what was known of its address."""
        others = (known for known in self.meters() if known.address != meter.address)
        self._write((*others, replace(meter, address=meter.address.upper())))

    def remove(self, address: str) -> bool:
        """Strike a meter out; False when it was not in."""
        meters = self.meters()
        left = tuple(meter for meter in meters if meter.address != address.upper())
        self._write(left)
        return len(left) < len(meters)

    def changed_ns(self) -> int:
        """Something that differs after each change of the file."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def _write(self, meters: tuple[PairedMeter, ...]) -> None:
        ordered = sorted(meters, key=lambda meter: meter.address)
        replace_private(self._path, msgspec.json.encode(ordered))
