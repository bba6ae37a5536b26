"""What a parser costs: MB/s of each, and the share of a core that one 75 Hz oximeter takes with the pipeline.

The baseline reads the same bytes with `struct`, knowing where each frame starts and checking nothing.
"""

import struct
import time
from collections.abc import Callable

from benchmarks.report import Baseline, Result, publish
from koffert_agent.channel import Channel
from koffert_drivers.measurement import Measurement
from koffert_drivers.table import device
from koffert_wire.messages import Instant
from tests.drivers.contract import CASES, Case, recording

REPEATS_BYTES = 400_000
OXIMETER = ("nonin-serial", "df2")
FRAMES_PER_S = 75
STREAM_S = 600


def megabytes_per_s(case: Case) -> float:
    """How fast the case's parser takes frames, one at a time as a radio or a line gives them."""
    frames = recording(str(case))
    size = sum(map(len, frames))
    repeats = max(1, REPEATS_BYTES // size)
    parser = case.parser()
    seconds = cpu_s(lambda: [parser.feed(frame) for _ in range(repeats) for frame in frames])
    return repeats * size / seconds / 1e6


def oximeter_frames() -> list[bytes]:
    """Ten minutes of one oximeter."""
    case = next(each for each in CASES if (each.record.id, each.stream.name) == OXIMETER)
    return case.frames(count=FRAMES_PER_S * STREAM_S)[1:]  # without the answer to the command


def pipeline_cpu_s(frames: list[bytes]) -> float:
    """Parser and pipeline up to the messages that go to the outbox."""
    record = device(OXIMETER[0])
    parser, channel = record.make_parser(OXIMETER[1]), Channel(record, lambda: bytes(16))

    def run() -> None:
        for number, frame in enumerate(frames):
            for event in parser.feed(frame):
                if isinstance(event, Measurement):
                    at_ns = number * 1_000_000_000 // FRAMES_PER_S
                    channel.take(event, Instant(at_ns, at_ns, wall_trusted=True))

    return cpu_s(run)


def bare_cpu_s(frames: list[bytes]) -> float:
    """The same bytes through `struct` alone."""
    return cpu_s(lambda: [struct.unpack("5B", frame) for frame in frames])


def cpu_s(work: Callable[[], object]) -> float:
    """The processor time that `work` takes."""
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def main() -> None:
    """Measure, and publish `decode`."""
    frames = oximeter_frames()
    share_pct = 100 * pipeline_cpu_s(frames) / STREAM_S
    bare_pct = 100 * bare_cpu_s(frames) / STREAM_S
    publish(
        Result(
            name="decode",
            value=share_pct,
            unit="% of a core (one 75 Hz oximeter, parser and pipeline)",
            baseline=Baseline("struct.unpack of aligned frames", bare_pct),
            ratio=share_pct / bare_pct,
            detail={f"{case}_mb_per_s": round(megabytes_per_s(case), 2) for case in CASES},
        )
    )


if __name__ == "__main__":
    main()
