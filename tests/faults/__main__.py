"""The fault schedule by hand: `python -m tests.faults --faults 5000 --seed 7`; prints one JSON object.

What each look on the way there came to is printed on stderr. What a bad run leaves in its folder stays.

Faults come in whole rounds, each fault once at every box and at the centre.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from math import ceil, inf
from pathlib import Path
from typing import TextIO

import msgspec

from tests.faults.harness import Outcome, suffer_all
from tests.faults.schedule import schedule

_LOOKS = 10
# At the centre a fault costs seconds of processor time, at a box tenths.
_DECKS = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--boxes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within-s", type=float, default=inf, help="end early, after whole rounds")
    options = parser.parse_args()
    (one,) = schedule(options.seed, 1, options.boxes, _DECKS)
    rounds = schedule(options.seed, ceil(options.faults / one.faults), options.boxes, _DECKS)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    look_every = ceil(len(rounds) / _LOOKS)
    outcome = asyncio.run(
        suffer_all(
            *(folder, rounds, look_every, options.within_s),
            tell=lambda so_far: _print(sys.stderr, options.seed, so_far),
        )
    )
    _print(sys.stdout, options.seed, outcome)
    if outcome.good:
        shutil.rmtree(folder)
    return 0 if outcome.good else 1


def _print(stream: TextIO, seed: int, outcome: Outcome) -> None:
    answer = {
        "seed": seed,
        "good": outcome.good,
        "faults_in_all": sum(outcome.faults.values()),
        **msgspec.structs.asdict(outcome),
    }
    stream.write(msgspec.json.encode(answer).decode() + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
