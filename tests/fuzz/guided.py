"""Coverage-guided fuzzing of every parser: `make fuzz`, or `python -m tests.fuzz.guided --seconds 300`.

Each stream gets a process of its own, since atheris ends its process when the time is up or something
broke. It begins with the recordings. An input that broke a parser is kept in `.cache/fuzz/`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["koffert_drivers"], enable_loader_override=False):
    from tests.drivers.contract import CASES, Case, recording
    from tests.fuzz.parsers import fuzz, hold, reference

FOUND = Path(__file__).resolve().parents[2] / ".cache" / "fuzz"
# A recording of a minute would only slow the mutations down.
LONGEST_INPUT_BYTES = 512
# What a parser that keeps its bounds never needs.
MEMORY_MB = 1024
# An input that takes longer than this hangs.
HANGS_AFTER_S = 10
# Good frames after the garbage cost a hundred times the garbage: one input in eight is followed by them.
WITH_RECOVERY = 224
# What atheris is given before and after the time for a stream.
OVERHEAD_S = 120.0


def fuzz_one(case: Case, seconds: int) -> None:
    """Fuzz one stream in this process, which ends here: with 0 when nothing was found."""
    reference(str(case))  # once, before the clock of an input runs

    def once(data: bytes) -> None:
        if not data:
            return
        size = data[0] % 32 + 1
        chunks = [data[at : at + size] for at in range(1, len(data), size)]
        if data[0] >= WITH_RECOVERY:
            fuzz(case, chunks)
            return
        parser = case.parser()
        for chunk in chunks:
            hold(parser, parser.feed(chunk))
        hold(parser, parser.close())

    name = str(case).replace("/", "-")
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, frame in enumerate(recording(str(case))):
            (Path(corpus) / str(number)).write_bytes(b"\xff" + frame[:LONGEST_INPUT_BYTES])
        options = [
            *(f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT_BYTES}"),
            *(f"-rss_limit_mb={MEMORY_MB}", f"-timeout={HANGS_AFTER_S}"),
            *(f"-artifact_prefix={FOUND / name}-", "-verbosity=0", "-print_final_stats=1"),
        ]
        atheris.Setup([sys.argv[0], *options, corpus], once)
        atheris.Fuzz()


def fuzz_all(seconds: int, jobs: int) -> bool:
    """Fuzz every stream, `jobs` at a time; say of each how it went. Returns whether all held."""

    def one(case: Case) -> bool:
        command = [sys.executable, "-m", "tests.fuzz.guided", "--case", str(case)]
        done = subprocess.run(
            [*command, "--seconds", str(seconds)],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + OVERHEAD_S,
        )
        said = done.stdout + done.stderr
        runs = next(
            (line.split()[-1] for line in said.splitlines() if "executed_units" in line), ""
        )
        held = done.returncode == 0
        sys.stdout.write(f"{case}: {f'held, {runs} inputs' if held else 'BROKE'}\n")
        if not held:
            sys.stdout.write(said[-4000:])
        sys.stdout.flush()
        return held

    with ThreadPoolExecutor(jobs) as pool:
        return all([*pool.map(one, CASES)])


def main() -> int:
    """One stream in this process, or all of them in processes of their own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=300, help="per stream")
    options.add_argument("--case", help="this stream alone, in this process")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    if chosen.case is not None:
        fuzz_one(next(case for case in CASES if str(case) == chosen.case), chosen.seconds)
        return 0
    return 0 if fuzz_all(chosen.seconds, chosen.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
