"""What every parser must do, whatever its protocol. A new row of the device table is tested by being there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from koffert_drivers.device import Conversation, DeviceRecord, Stream
from koffert_drivers.measurement import Event, FrameError, Measurement
from koffert_drivers.parser import Chunk, Parser
from koffert_drivers.simulated.physiology import Physiology
from koffert_drivers.simulated.voices import voice
from koffert_drivers.table import DEVICES

# Whole packets of the slowest format (Nonin: 25 frames), and enough to lose some after garbage.
FRAMES = 100


@dataclass(frozen=True)
class Case:
    """One stream of one device."""

    record: DeviceRecord
    stream: Stream

    def __str__(self) -> str:
        return f"{self.record.id}-{self.stream.name}"

    def parser(self) -> Parser:
        return self.stream.make_parser()

    def frames(self, physiology: Physiology | None = None, count: int = FRAMES) -> list[bytes]:
        """What the simulated device sends, once it is asked in the way the table says."""
        speaker = voice(self.record.id, self.stream.name)
        talk = self.stream.conversation or Conversation()
        said = [speaker.hear(command, 0.0) for command in talk.on_connect]
        for index in range(count):
            now_s = index / speaker.rate_hz
            said.append(speaker.frame(physiology or Physiology(), now_s))
            said.append(speaker.hear(talk.keep_alive, now_s))
        return [chunk for chunk in said if chunk]


CASES = [Case(record, stream) for record in DEVICES for stream in record.streams]
STREAMS = [case for case in CASES if not case.stream.whole_values]
VALUES = [case for case in CASES if case.stream.whole_values]


def run(parser: Parser, chunks: Iterable[Chunk]) -> list[Event]:
    """All that the chunks give, to the end of the stream."""
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.close()


def measurements(events: Iterable[Event]) -> list[Measurement]:
    return [event for event in events if isinstance(event, Measurement)]


def errors(events: Iterable[Event]) -> list[FrameError]:
    return [event for event in events if isinstance(event, FrameError)]


def sliced(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """`data` in pieces, cut at those places."""
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return (data[start:end] for start, end in pairwise(places))


@cache
def recording(case: str) -> tuple[bytes, ...]:
    """The frames of the case of that name, made once."""
    return tuple(next(each for each in CASES if str(each) == case).frames())
