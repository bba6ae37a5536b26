"""The lossless codec against FLAC, zstd on differences, lzma and pcodec: bits a sample, and speed.

Blocks of 10 s stand alone, as messages do. Every packed block is unpacked and compared.
"""

import io
import lzma
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import wfdb
import zstandard
from numpy.lib.stride_tricks import sliding_window_view
from pcodec import ChunkConfig, standalone

from benchmarks.report import ROOT, Baseline, Result, publish
from koffert_cli.signals.files import read
from koffert_signal.codec import pack, unpack

DATA = ROOT.parent / "shared" / "data"
BLOCK_S = 10
MOST_BLOCKS = 12
STILL = "ELI250 12 leads 500 Hz"
FLAC_CHANNELS = 8  # of one stream at most
PREDICTED_FROM = 16
# name: file, rate where the file has none, channels
FILES: dict[str, tuple[str, float | None, slice]] = {
    "MIT-BIH 100, 2 leads 360 Hz": ("ecg/100s.hea", None, slice(None)),
    "noise stress 118e24 360 Hz": ("ecg/118e24.csv", 360, slice(None)),
    "noise stress 118e06 360 Hz": ("ecg/118e06.csv", 360, slice(None)),
    "PTB 12 leads 1 kHz": ("ecg/s0010_re.hea", None, slice(12)),
    "PTB-XL 12 leads 100 Hz": ("ecg/00001_lr.hea", None, slice(None)),
    STILL: ("ecg/triplet/Example.dcm", None, slice(None)),
    "Burdick 12 leads 500 Hz": ("ecg/scp_refbeat/test.hea", None, slice(None)),
    "PPG finger 1 kHz": ("ppg/biosppy_ppg.txt", 1000, slice(1)),
    "PPG 100 Hz": ("ppg/heartpy_data_100hz.csv", 100, slice(1)),
    "PPG overflowing 250 Hz": ("ppg/v102s.hea", None, slice(2, 3)),
}

Ints = npt.NDArray[np.int64]


def narrow(x: Ints) -> npt.NDArray[np.signedinteger]:
    """Return the samples in the fewest whole bytes that others would use."""
    return x.astype(np.int16 if np.abs(x).max() < 2**15 else np.int32)


def flac(x: Ints) -> bytes:
    """LibFLAC at its highest level, eight channels a stream."""
    small = narrow(x)
    wide = small.dtype == np.int32
    parts = []
    for first in range(0, len(x), FLAC_CHANNELS):
        out = io.BytesIO()
        data = small[first : first + FLAC_CHANNELS].T << (8 if wide else 0)
        subtype = "PCM_24" if wide else "PCM_16"
        soundfile.write(
            out, np.ascontiguousarray(data), 48000, subtype, format="FLAC", compression_level=1.0
        )
        parts.append(out.getvalue())
    return b"".join(parts)


def zstd_differences(x: Ints) -> bytes:
    """First and second differences in byte planes, zstd 19; the smaller."""
    packed = []
    for order in (1, 2):
        d = np.diff(x, n=order, axis=1, prepend=np.zeros((len(x), order), np.int64))
        folded = narrow((d << 1) ^ (d >> 63)).ravel()
        planes = folded.view(np.uint8).reshape(folded.size, -1).T.tobytes()
        packed.append(zstandard.ZstdCompressor(level=19).compress(planes))
    return min(packed, key=len)


def lzma_plain(x: Ints) -> bytes:
    """The best of xz, on the samples."""
    return lzma.compress(narrow(x).tobytes(), preset=9 | lzma.PRESET_EXTREME)


def pcodec(x: Ints) -> bytes:
    """Pcodec at level 8, a channel at a time."""
    config = ChunkConfig(compression_level=8)
    rows = (np.ascontiguousarray(row) for row in narrow(x))
    return b"".join(standalone.simple_compress(row, config) for row in rows)


BASELINES: dict[str, Callable[[Ints], bytes]] = {
    "FLAC": flac,
    "zstd": zstd_differences,
    "lzma": lzma_plain,
    "pcodec": pcodec,
}


def samples(name: str) -> tuple[Ints, float] | None:
    """Return the record's whole numbers and rate; None where its file is not there."""
    file, fs_hz, channels = FILES[name]
    if not (DATA / file).exists():
        return None
    if file.endswith(".hea"):
        record = wfdb.rdrecord(str((DATA / file).with_suffix("")), physical=False)
        return np.ascontiguousarray(record.d_signal.T[channels], dtype=np.int64), float(record.fs)
    recording = read(Path(DATA / file), fs_hz)
    whole = recording.whole
    if whole is None:
        whole = np.rint(np.nan_to_num(recording.values) * 200).astype(np.int64)
    return np.ascontiguousarray(whole[channels]), recording.fs_hz


def order_0_bits(x: Ints) -> float:
    """Entropy of what one fitted predictor for the whole record leaves of each channel."""
    entropies = []
    for channel in x.astype(np.float64):
        past = sliding_window_view(channel - channel.mean(), PREDICTED_FROM)[:-1]
        now = (channel - channel.mean())[PREDICTED_FROM:]
        weights, *_ = np.linalg.lstsq(past, now, rcond=None)
        _, counts = np.unique(np.rint(now - past @ weights), return_counts=True)
        share = counts / counts.sum()
        entropies.append(float(-(share * np.log2(share)).sum()))
    return float(np.mean(entropies))


def bits_per_sample(blocks: list[Ints], encode: Callable[[Ints], bytes]) -> float:
    """Mean over the blocks, each on its own."""
    size = sum(len(encode(block)) for block in blocks)
    return 8 * size / sum(block.size for block in blocks)


def packed_and_back(block: Ints) -> bytes:
    """Pack, and insist that unpacking gives the block."""
    packed = pack(block, block_samples=block.shape[1])
    assert np.array_equal(unpack(packed).samples, block)
    return packed


def speed(x: Ints) -> tuple[float, float]:
    """Million samples a second of encoding and decoding, the best of nine."""
    encode_s, decode_s = [], []
    for _ in range(9):
        started_s = time.process_time()
        packed = pack(x)
        packed_s = time.process_time()
        unpack(packed)
        encode_s.append(packed_s - started_s)
        decode_s.append(time.process_time() - packed_s)
    return x.size / min(encode_s) / 1e6, x.size / min(decode_s) / 1e6


def main() -> None:
    """Measure, and publish `codec`."""
    detail: dict[str, float] = {}
    for name in FILES:
        found = samples(name)
        if found is None:
            continue
        x, fs_hz = found
        size = round(BLOCK_S * fs_hz)
        blocks = [x[:, a : a + size] for a in range(0, max(1, x.shape[1] - size + 1), size)]
        blocks = blocks[:MOST_BLOCKS]
        detail[f"{name}: koffert"] = round(bits_per_sample(blocks, packed_and_back), 3)
        for rival, encode in BASELINES.items():
            detail[f"{name}: {rival}"] = round(bits_per_sample(blocks, encode), 3)
        detail[f"{name}: order-0 residual entropy"] = round(order_0_bits(x), 3)
    still = samples(STILL)
    if still is None:
        raise SystemExit("the recordings are not beside the repository")
    detail["still bytes"] = len(pack(still[0]))
    detail["still FLAC bytes"] = len(flac(still[0]))
    hours = [(f"{leads} leads for hours", np.tile(still[0][:leads], (1, 130))) for leads in (1, 2)]
    for what, x in (("still", still[0]), *hours):
        encoded, decoded = speed(x)
        detail[f"{what}: encode_Msamples_s"] = round(encoded, 2)
        detail[f"{what}: decode_Msamples_s"] = round(decoded, 2)
    rivals = {rival: detail[f"{STILL}: {rival}"] for rival in BASELINES}
    best = min(rivals, key=rivals.__getitem__)
    value = detail[f"{STILL}: koffert"]
    publish(
        Result(
            name="codec",
            value=value,
            unit=f"bits a sample, {STILL}",
            baseline=Baseline(best, rivals[best]),
            ratio=round(value / rivals[best], 3),
            detail=detail,
        )
    )


if __name__ == "__main__":
    main()
