"""The fault schedule by hand: `python -m tests.faults --faults 5000 --seed 7`; prints one JSON object."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.faults.harness import suffer_all
from tests.faults.schedule import schedule


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(suffer_all(Path(folder), schedule(options.seed, options.faults)))
    answer = {"seed": options.seed, "good": outcome.good, **msgspec.structs.asdict(outcome)}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
