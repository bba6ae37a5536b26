"""Where a benchmark's numbers go: `benchmarks/results/<name>.json` and one row of `docs/benchmarks.md`."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TABLE = ROOT / "docs" / "benchmarks.md"

_HEADER = """# Benchmarks

`make bench` renews this table; `make bench NAME=ingest` one row of it. A ratio compares with the baseline
in the same run on the same machine; absolute numbers are that machine's.

| Name | Value | Baseline | Ratio | Machine |
|---|---|---|---|---|
"""


class Baseline(Struct, frozen=True):
    """What the value is compared with, measured in the same run, in the same unit."""

    name: str
    value: float


class Result(Struct, frozen=True, kw_only=True):
    """One benchmark's outcome; `detail` holds the other numbers that it took."""

    name: str
    value: float
    unit: str
    baseline: Baseline | None = None
    ratio: float | None = None
    detail: dict[str, float] = {}
    machine: str = ""
    measured_at: str = ""


def publish(result: Result) -> None:
    """Write the result and its row of the table, and print it."""
    complete = msgspec.structs.replace(
        result, machine=_machine(), measured_at=datetime.now(UTC).isoformat(timespec="seconds")
    )
    encoded = msgspec.json.format(msgspec.json.encode(complete))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{result.name}.json").write_bytes(encoded + b"\n")
    TABLE.write_text(with_row(TABLE.read_text() if TABLE.exists() else _HEADER, complete))
    print(encoded.decode())


def with_row(table: str, result: Result) -> str:
    """`table` with the result's row in place of its former one, rows in order of their names."""
    rows = re.findall(r"^\| `.*\n", table, flags=re.MULTILINE)
    kept = [row for row in rows if not row.startswith(f"| `{result.name}` ")]
    head = re.split(r"^\| `", table, maxsplit=1, flags=re.MULTILINE)[0]
    return head + "".join(sorted([*kept, _row(result)]))


def _row(result: Result) -> str:
    against = result.baseline
    baseline = f"{against.value:,.4g} ({against.name})" if against else "-"
    ratio = f"{result.ratio:.3g}" if result.ratio is not None else "-"
    return (
        f"| `{result.name}` | {result.value:,.4g} {result.unit} | {baseline} | {ratio} "
        f"| {result.machine} |\n"
    )


def _machine() -> str:
    cpus = os.cpu_count()
    return f"{_processor()}, {cpus} cores, Python {platform.python_version()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
