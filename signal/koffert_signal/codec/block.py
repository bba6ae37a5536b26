"""One block: some samples of every channel, coded so that it stands by itself."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from msgspec import Struct

from koffert_signal.checks import Ints
from koffert_signal.codec import entropy, leads, predict
from koffert_signal.codec.leads import Rule
from koffert_signal.codec.predict import Coefficients
from koffert_signal.errors import CorruptData

# A lane of about this many samples: long enough that its first sample and length (4 bytes) cost
# 0.03 bits a sample, short enough that a still has lanes to run side by side.
LANE = 1024
LEAST_PERIOD = 256  # converters have 8 bits or more; below, a jump is a jump
PROBED = 256  # samples that mostly tell that there is no common step
FURTHEST = 2**40  # samples further from zero are kept plain: sums of leads stay whole numbers
PLAIN, CODED = 0, 1  # how a block is stored
# How a channel is stored: a difference of order 0 to 3, a rule, or FITTED + the order.
RULE, FITTED = 4, 8


class _Channel(Struct, frozen=True):
    """All that is needed to undo one channel, its residuals apart."""

    scaled: Coefficients
    least: int
    step: int
    middle: int
    period: int  # of a converter that overflowed: 0 where none did
    firsts: tuple[int, ...]
    bits: tuple[int, ...]
    rule: Rule | None


class Parsed(Struct, frozen=True):
    """A block read but not yet decoded; plain blocks are ready."""

    shape: tuple[int, int]
    channels: tuple[_Channel, ...]
    packed: bytes
    plain: Ints | None


def encode(samples: Ints) -> bytes:
    """Return the block for (channels, samples); whatever cannot be coded is kept plain."""
    count, length = samples.shape
    head = struct.pack("<BHI", CODED, count, length)
    low, high = int(samples.min(initial=0)), int(samples.max(initial=0))
    if length == 0 or high - low >= predict.LARGEST or max(-low, high) >= FURTHEST:
        return struct.pack("<BHI", PLAIN, count, length) + zlib.compress(
            samples.astype("<i8").tobytes(), 6
        )
    rules = leads.find(samples)
    prepared = [_prepare(samples, channel, rules.get(channel)) for channel in range(count)]
    lanes = np.concatenate([left for _, left in prepared])
    alive = lanes.any(axis=1)
    packed, alive_bits = entropy.encode(lanes[alive])
    bits = np.zeros(len(lanes), np.int64)
    bits[alive] = alive_bits
    per_channel = bits.reshape(count, -1)
    heads = [
        _channel_head(c, row.tolist()) for (c, _), row in zip(prepared, per_channel, strict=True)
    ]
    return head + b"".join(heads) + packed


def parse(data: bytes, shape: tuple[int, int]) -> Parsed:
    """Read the heads of a block of that shape; raises CorruptData where they make no sense."""
    try:
        kind, count, length = struct.unpack_from("<BHI", data)
        if (count, length) != shape or kind not in (PLAIN, CODED):
            raise CorruptData("a block of another shape or kind")
        if kind == PLAIN:
            return _parse_plain(data, count, length)
        reader = _Reader(data, 7)
        channels = tuple(_read_channel(reader, _lane_count(length), count) for _ in range(count))
        if max(max(channel.bits) for channel in channels) > 8 * len(data):
            raise CorruptData("a lane longer than its block")
    except (struct.error, IndexError, ValueError, zlib.error) as error:
        raise CorruptData(f"a block's head makes no sense: {error}") from error
    return Parsed((count, length), channels, data[reader.at :], None)


def decode(blocks: Sequence[Parsed]) -> list[Ints]:
    """Decode blocks, all those of one length in step."""
    result: list[Ints] = [np.zeros((0, 0), np.int64)] * len(blocks)
    order = sorted(range(len(blocks)), key=lambda i: blocks[i].shape[1])
    for length, group in groupby(order, key=lambda i: blocks[i].shape[1]):
        members = list(group)
        coded = [i for i in members if blocks[i].plain is None]
        for i, samples in zip(
            coded, _decode_together([blocks[i] for i in coded], length), strict=True
        ):
            result[i] = samples
        for i in members:
            plain = blocks[i].plain
            if plain is not None:
                result[i] = plain
    return result


def _lane_count(length: int) -> int:
    return max(1, round(length / LANE))


def _cut(x: Ints) -> Ints:
    lanes = _lane_count(x.size)
    size = -(-x.size // lanes)
    return np.pad(x, (0, lanes * size - x.size), mode="edge").reshape(lanes, size)


def _prepare(samples: Ints, channel: int, rule: Rule | None) -> tuple[_Channel, Ints]:
    x = samples[channel]
    if rule:
        miss = x - leads.predicted(rule, samples[rule.first], samples[rule.second])
        lanes = _cut(miss)
        return _Channel((), 0, 1, 0, 0, (0,) * len(lanes), (), rule), lanes
    step = _common_step(x)
    least = int(x.min())
    thin, period = _unwrapped((x - least) // step)
    middle = int(np.median(thin[:: max(1, thin.size // PROBED)]))
    thin = thin - middle
    scaled, left = predict.choose(_cut(thin))
    firsts = tuple(left[:, 0].tolist())
    left[:, 0] = 0
    return _Channel(scaled, least, step, middle, period, firsts, (), None), left


def _common_step(x: Ints) -> int:
    """Return the largest step that all samples are whole multiples of, from the first."""
    away = x - x[0]
    few = int(np.gcd.reduce(away[:PROBED]))
    return few if few == 1 else max(1, int(np.gcd.reduce(away)))


def _unwrapped(x: Ints) -> tuple[Ints, int]:
    """Undo the overflow of a converter: jumps by more than half of its range go on outwards."""
    period = 1 << int(x.max()).bit_length()
    jumps = np.diff(x)
    furthest = max(int(jumps.max(initial=0)), -int(jumps.min(initial=0)))
    if period < LEAST_PERIOD or furthest <= period // 2:
        return x, 0
    over = (jumps < -period // 2).astype(np.int64) - (jumps > period // 2)
    turns = np.concatenate([[0], np.cumsum(over)])
    straight = x + turns * period
    return (straight, period) if np.abs(straight).max() < predict.LARGEST // 2 else (x, 0)


def _decode_together(blocks: list[Parsed], length: int) -> Iterator[Ints]:
    if not blocks:
        return
    channels = [channel for block in blocks for channel in block.channels]
    bits = np.array([channel.bits for channel in channels], dtype=np.int64)
    starts = _starts(blocks, bits)
    size = -(-length // bits.shape[1])
    packed = np.frombuffer(b"".join(block.packed for block in blocks), np.uint8)
    alive = bits.ravel() > 0
    left = np.zeros((bits.size, size), np.int64)
    if alive.any():
        left[alive] = entropy.decode(packed, starts.ravel()[alive], size)
    firsts = np.array([channel.firsts for channel in channels], dtype=np.int64)
    left[:, 0] += firsts.ravel()
    coefficients = [channel.scaled for channel in channels for _ in range(bits.shape[1])]
    rebuilt = predict.rebuild(left, coefficients).reshape(len(channels), -1)[:, :length]
    at = 0
    for block in blocks:
        yield _finished(block.channels, rebuilt[at : at + len(block.channels)])
        at += len(block.channels)


def _starts(blocks: list[Parsed], bits: Ints) -> Ints:
    """Return where each lane's bits begin, in the blocks' bytes one after another."""
    starts = np.empty_like(bits)
    row = byte = 0
    for block in blocks:
        own = bits[row : row + len(block.channels)]
        if int(own.sum()) > 8 * len(block.packed):
            raise CorruptData("a block's lanes reach beyond its end")
        starts[row : row + len(own)] = 8 * byte + (np.cumsum(own) - own.ravel()).reshape(own.shape)
        row += len(own)
        byte += len(block.packed)
    return starts


def _finished(channels: tuple[_Channel, ...], rebuilt: Ints) -> Ints:
    samples = np.empty_like(rebuilt)
    for row, channel in enumerate(channels):
        if channel.rule is None:
            steps = rebuilt[row] + channel.middle
            if channel.period:
                steps %= channel.period
            samples[row] = steps * channel.step + channel.least
    for row, channel in enumerate(channels):
        if channel.rule:
            first, second = samples[channel.rule.first], samples[channel.rule.second]
            samples[row] = rebuilt[row] + leads.predicted(channel.rule, first, second)
    return samples


def _channel_head(channel: _Channel, bits: list[int]) -> bytes:
    if channel.rule:
        r = channel.rule
        head = struct.pack("<BBBBB", RULE, r.first, r.second, r.halves, r.rounding)
        return head + b"".join(_varint(n) for n in bits)
    fixed = channel.scaled in predict.FIXED
    kind = len(channel.scaled) + (0 if fixed else FITTED)
    coefficients = b"" if fixed else struct.pack(f"<{len(channel.scaled)}h", *channel.scaled)
    level = (_folded(channel.least), channel.step, _folded(channel.middle), channel.period)
    numbers = [*level, *map(_folded, channel.firsts), *bits]
    return bytes([kind]) + coefficients + b"".join(_varint(n) for n in numbers)


def _read_channel(reader: _Reader, lanes: int, count: int) -> _Channel:
    kind = reader.byte()
    if kind == RULE:
        rule = Rule(*(reader.byte() for _ in range(4)))
        if max(rule.first, rule.second) >= count or rule.rounding >= leads.ROUNDINGS:
            raise ValueError("a rule of unknown leads")
        if rule.halves >= len(leads.HALVES):
            raise ValueError("an unknown rule")
        return _Channel(
            (), 0, 1, 0, 0, (0,) * lanes, tuple(reader.varint() for _ in range(lanes)), rule
        )
    scaled = predict.FIXED[kind] if kind < RULE else reader.coefficients(kind - FITTED)
    least, step = _unfolded(reader.varint()), reader.varint()
    middle, period = _unfolded(reader.varint()), reader.varint()
    firsts = tuple(_unfolded(reader.varint()) for _ in range(lanes))
    return _Channel(
        scaled,
        least,
        step,
        middle,
        period,
        firsts,
        tuple(reader.varint() for _ in range(lanes)),
        None,
    )


def _parse_plain(data: bytes, count: int, length: int) -> Parsed:
    raw = zlib.decompressobj().decompress(data[7:], 8 * count * length + 1)
    samples = np.frombuffer(raw, "<i8").reshape(count, length).astype(np.int64)
    return Parsed((count, length), (), b"", samples)


class _Reader:
    """Reads a block's heads byte by byte; IndexError at the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63 or value >= 2**62:
                raise ValueError("a number without end")
            if byte < 0x80:
                return value

    def coefficients(self, order: int) -> Coefficients:
        if not 1 <= order <= predict.LONGEST:
            raise ValueError("a predictor of unknown length")
        values: Coefficients = struct.unpack_from(f"<{order}h", self._data, self.at)
        self.at += 2 * order
        return values


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _folded(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def _unfolded(value: int) -> int:
    return -(value + 1) // 2 if value & 1 else value // 2
