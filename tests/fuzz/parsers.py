"""What must hold for any bytes into any parser, as one function that a fuzzer calls.

Hypothesis calls `check` in `test_parsers.py`, `make fuzz` lets coverage guide it (`guided.py`), and
`python -m tests.fuzz.parsers --seconds 300` mutates recordings for so long per stream.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from functools import cache

from koffert_drivers.measurement import ERROR_BYTES, Event, FrameError
from koffert_drivers.parser import LOST_LIMIT, Parser, StreamParser
from tests.drivers.contract import CASES, Case, measurements, recording, run, sliced

# One mutation in a hundred frames is a bad day; this is worse than any line.
MUTATIONS = 12


def check(data: bytes) -> None:
    """Byte 0 chooses the stream, byte 1 the size of the chunks; the rest is fed to its parser."""
    if len(data) < 2:
        return
    case, size = CASES[data[0] % len(CASES)], data[1] % 32 + 1
    fuzz(case, [data[at : at + size] for at in range(2, len(data), size)])


def fuzz(case: Case, chunks: Sequence[bytes]) -> None:
    """Feed `chunks`, then good frames: nothing raises, memory stays bounded, and values come back."""
    parser = case.parser()
    for chunk in chunks:
        hold(parser, parser.feed(chunk))
    clean = recording(str(case))
    # Twice: what the garbage looked like may swallow the first of a longest frame.
    recovered = [event for frame in clean * 2 for event in parser.feed(frame)]
    hold(parser, recovered + parser.close())
    assert reference(str(case)) in measurements(recovered), case
    assert run(parser, clean)[-1:] == run(case.parser(), clean)[-1:], case


def hold(parser: Parser, events: list[Event]) -> None:
    """The bounds that every state and event keeps."""
    if isinstance(parser, StreamParser):
        assert parser.held_bytes <= parser.longest_bytes + LOST_LIMIT
    for event in events:
        if isinstance(event, FrameError):
            assert 0 < len(event.data) <= ERROR_BYTES or event.size == 0
        else:
            assert 0 <= event.quality <= 1
            assert event.spo2_pct is None or 0 < event.spo2_pct <= 100


@cache
def reference(case: str) -> object:
    """A measurement that comes back once garbage is over."""
    chosen = next(each for each in CASES if str(each) == case)
    numbers = measurements(run(chosen.parser(), recording(case)))
    return next((each for each in numbers if each.quality > 0), numbers[0])


def mutated(seed: int, case: Case) -> list[bytes]:
    """Some frames of the case with bits flipped, bytes lost and foreign bytes between, in random slices."""
    dice = random.Random(seed)  # noqa: S311 - chance, not secrecy
    data = bytearray(b"".join(dice.choices(recording(str(case)), k=10)))
    for _ in range(dice.randrange(MUTATIONS)):
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                del data[at + 1 : at + dice.randrange(2, 8)]
            case 2:
                data[at:at] = dice.randbytes(dice.randrange(1, 8))
            case _:
                data[at] = dice.choice((0x00, 0x7F, 0x80, 0xFF))
    return list(sliced(bytes(data), (dice.randrange(1 << 16) for _ in range(dice.randrange(10)))))


def main() -> int:
    """Fuzz every stream for a time; the last seed shown is the one that failed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=300.0, help="per stream")
    seconds = options.parse_args().seconds
    for case in CASES:
        end_s, seed = time.monotonic() + seconds, 0
        while time.monotonic() < end_s:
            seed += 1
            sys.stdout.write(f"\r{case}: {seed}")
            sys.stdout.flush()
            fuzz(case, mutated(seed, case))
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
