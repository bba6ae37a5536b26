"""What `koffert signal ecg` and `ppg` say of a recording."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from koffert_cli.output import UserError
from koffert_cli.signals.files import Floats, Recording
from koffert_signal.ecg import qrs
from koffert_signal.ecg.electrodes import arms_swapped, leads_off
from koffert_signal.ecg.morphology import NONE_MEASURED, Intervals, intervals
from koffert_signal.ecg.quality import quality as ecg_quality
from koffert_signal.ecg.rhythm import rhythm
from koffert_signal.errors import SignalError
from koffert_signal.ppg import beats as ppg_beats
from koffert_signal.ppg.perfusion import perfusion_pct
from koffert_signal.ppg.polarity import inverted
from koffert_signal.ppg.quality import quality as ppg_quality
from koffert_signal.ppg.respiration import NOT_KNOWN, respiration
from koffert_signal.quality import Quality, bridged

# Below this, beats are more guess than reading: the places are told, a rate is not.
LEAST_QUALITY = 0.3
# Looked at first among leads that are about as good.
PREFERRED = ("II", "MLII", "I", "V5")
ABOUT_AS_GOOD = 0.05
# What monitors record beside the ECG; nobody is asked for beats in it.
NOT_ECG = frozenset({"resp", "pleth", "ppg", "abp", "art", "cvp", "pap", "co2", "spo2", "rsp"})
PPG_NAMES = frozenset({"ppg", "pleth", "plethysmogram", "spo2_wave"})
STILL_S = 60.0  # longer recordings are not measured as one median beat


class EcgAnswer(Struct, frozen=True, kw_only=True):
    """One ECG. All measured values are unconfirmed and for research use."""

    fs_hz: float
    leads: tuple[str, ...]
    lead: str
    peaks: list[int]
    heart_rate_bpm: float | None
    rr_ms: tuple[float, ...]
    quality: float
    quality_reasons: tuple[str, ...]
    quality_per_second: tuple[float, ...]
    af_suspected: bool | None
    pr_ms: float | None
    qrs_ms: float | None
    qt_ms: float | None
    qtc_bazett_ms: float | None
    qtc_fridericia_ms: float | None
    intervals_confidence: float
    leads_off: tuple[str, ...]
    arms_swapped: bool | None
    pacing_spikes_s: tuple[float, ...]  # as the file has them; found here are none
    unconfirmed: bool = True


class PpgAnswer(Struct, frozen=True, kw_only=True):
    """One PPG."""

    fs_hz: float
    peaks: list[int]
    pulse_bpm: float | None
    rr_ms: tuple[float, ...]
    quality: float
    quality_reasons: tuple[str, ...]
    quality_per_second: tuple[float, ...]
    respiratory_rate_bpm: float | None
    respiratory_confidence: float
    inverted: bool  # light received, falling with each beat: turned over before it was read
    perfusion_pct: float | None


def ecg_answer(recording: Recording, lead: str | None) -> EcgAnswer:
    """Analyse the lead asked for, else the best one; raises UserError for an unknown lead or rate."""
    fs_hz = recording.fs_hz
    row = None if lead is None else _row(recording, lead)
    qualities = [
        ecg_quality(values, fs_hz) if row in (None, number) else None
        for number, values in enumerate(recording.values)
    ]
    if row is None:
        row = _best(recording.leads, [quality for quality in qualities if quality])
    quality = qualities[row] or ecg_quality(recording.values[row], fs_hz)
    peaks = _beats(recording.values[row], fs_hz)
    found = rhythm(peaks, fs_hz)
    readable = quality.score >= LEAST_QUALITY
    measured = _intervals(recording, peaks) if readable else NONE_MEASURED
    known = [quality for quality in qualities if quality]
    everything = len(known) == len(recording.leads)
    return EcgAnswer(
        fs_hz=fs_hz,
        leads=recording.leads,
        lead=recording.leads[row],
        peaks=peaks,
        heart_rate_bpm=found.heart_rate_bpm if readable else None,
        rr_ms=found.rr_ms,
        quality=quality.score,
        quality_reasons=quality.reasons,
        quality_per_second=quality.per_second,
        af_suspected=found.af_suspected if readable else None,
        pr_ms=measured.pr_ms,
        qrs_ms=measured.qrs_ms,
        qt_ms=measured.qt_ms,
        qtc_bazett_ms=measured.qtc_bazett_ms,
        qtc_fridericia_ms=measured.qtc_fridericia_ms,
        intervals_confidence=measured.confidence,
        leads_off=leads_off(recording.leads, known) if everything else (),
        arms_swapped=_swapped(recording, peaks) if readable else None,
        pacing_spikes_s=recording.pacing_spikes_s,
    )


def ppg_answer(recording: Recording) -> PpgAnswer:
    """Analyse the column that is named as a PPG, else the first."""
    fs_hz = recording.fs_hz
    names = [name.lower() for name in recording.leads]
    row = next((row for row, name in enumerate(names) if name in PPG_NAMES), 0)
    quality = ppg_quality(recording.values[row], fs_hz)
    values = _filled(recording.values[row])
    upside_down, perfusion = False, None
    try:
        upside_down = inverted(values, fs_hz)
        upright = -values if upside_down else values
        peaks = ppg_beats.detect(upright, fs_hz)
        breathing = respiration(upright, peaks, fs_hz)
        perfusion = perfusion_pct(values, peaks)
    except SignalError:
        peaks, breathing = np.zeros(0, np.int64), NOT_KNOWN
    found = rhythm(peaks, fs_hz)
    readable = quality.score >= LEAST_QUALITY
    return PpgAnswer(
        fs_hz=fs_hz,
        peaks=peaks.tolist(),
        pulse_bpm=found.heart_rate_bpm if readable else None,
        rr_ms=found.rr_ms,
        quality=quality.score,
        quality_reasons=quality.reasons,
        quality_per_second=quality.per_second,
        respiratory_rate_bpm=breathing.rate_bpm if readable else None,
        respiratory_confidence=breathing.confidence if readable else 0.0,
        inverted=upside_down,
        perfusion_pct=perfusion if readable else None,
    )


def _row(recording: Recording, lead: str) -> int:
    names = [name.lower() for name in recording.leads]
    if lead.lower() not in names:
        raise UserError(f"no lead {lead}", next_step=f"one of {', '.join(recording.leads)}")
    return names.index(lead.lower())


def _best(names: tuple[str, ...], qualities: list[Quality]) -> int:
    scores = [
        -1.0 if name.lower() in NOT_ECG else quality.score
        for name, quality in zip(names, qualities, strict=True)
    ]
    good = [row for row, score in enumerate(scores) if score >= max(scores) - ABOUT_AS_GOOD]
    order = {name: place for place, name in enumerate(PREFERRED)}
    return min(good, key=lambda row: (order.get(names[row].upper(), len(order)), row))


def _filled(values: Floats) -> Floats:
    return bridged(values)[0]


def _beats(values: Floats, fs_hz: float) -> list[int]:
    try:
        return [int(peak) for peak in qrs.detect(_filled(values), fs_hz)]
    except SignalError:
        return []


def _intervals(recording: Recording, peaks: list[int]) -> Intervals:
    if recording.values.shape[1] > STILL_S * recording.fs_hz:
        return NONE_MEASURED
    try:
        return intervals(recording.values, peaks, recording.fs_hz)
    except SignalError:
        return NONE_MEASURED


def _swapped(recording: Recording, peaks: list[int]) -> bool | None:
    try:
        return arms_swapped(recording.leads, recording.values, peaks, recording.fs_hz)
    except SignalError:
        return None
