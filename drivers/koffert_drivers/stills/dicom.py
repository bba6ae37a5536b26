"""DICOM ECG waveforms (12-lead, general and ambulatory ECG storage), through pydicom."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from koffert_drivers.stills import fields
from koffert_drivers.stills.errors import DamagedStill, StillError, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import MOST_SAMPLES, Wide, canonical, shifted_lead, with_derived
from koffert_drivers.stills.records import (
    NO_SAMPLE,
    Device,
    EcgStill,
    Filters,
    Format,
    Lead,
    Measurements,
    PatientIdentity,
)

PREAMBLE = slice(128, 132)
# Its content unpacks to any size before a length can be looked at.
DEFLATED = b"1.2.840.10008.1.2.1.99"
ECG_STORAGE = "1.2.840.10008.5.1.4.1.1.9."
UV_PER = {"uV": 1.0, "mV": 1000.0, "nV": 0.001, "V": 1e6}
# Waveform Sample Interpretation (PS3.3, C.10.9.1.5) and its bits.
LAYOUTS = {("SB", 8): "i1", ("UB", 8): "u1", ("SS", 16): "i2", ("US", 16): "u2"}
LAYOUTS |= {("SL", 32): "i4", ("UL", 32): "u4"}
# Carts write it for "no sample", also without naming it as the padding.
LOWEST_16 = -(2**15)
# SCP-ECG's lead numbers, as DICOM codes them (5.6.3-9-n); MDC's (2:n) count alike.
SCP_LEADS = {"1": "I", "2": "II", "61": "III", "62": "aVR", "63": "aVL", "64": "aVF"}
SCP_LEADS |= {str(n): f"V{n - 2}" for n in range(3, 10)}
MDC_LEAD = re.compile(r"2:\d+$")
# What annotations are called, in SCP's, MDC's and plain words, folded.
MEASURES = {
    "ventricular heart rate": "heart_rate_bpm",
    "heart rate": "heart_rate_bpm",
    "rr interval": "rr_ms",
    "mean rr interval": "rr_ms",
    "pr interval": "pr_ms",
    "pr interval global": "pr_ms",
    "qrs duration": "qrs_ms",
    "qrs duration global": "qrs_ms",
    "qt interval": "qt_ms",
    "qt interval global": "qt_ms",
    "qtc interval": "qtc_ms",
    "qtc interval global": "qtc_ms",
    "p axis": "p_axis_deg",
    "qrs axis": "qrs_axis_deg",
    "t axis": "t_axis_deg",
}


def is_dicom(content: bytes) -> bool:
    """Tell whether the bytes begin as a DICOM file does."""
    return content[PREAMBLE] == b"DICM"


def read_dicom(content: bytes) -> EcgStill:
    """Read the original rhythm of a DICOM ECG.

    Raises DamagedStill for what pydicom cannot read, UnsupportedStill for other objects than ECG
    waveforms, for deflated files, and where pydicom is not installed.
    """
    if DEFLATED in content[:4096]:
        raise UnsupportedStill("deflated DICOM")
    try:
        with _nothing_said():
            return _read(content)
    except StillError:
        raise
    except Exception as error:  # pydicom raises whatever the bytes lead it to
        raise DamagedStill(f"pydicom stopped with {type(error).__name__}") from error


@contextmanager
def _nothing_said() -> Iterator[None]:
    """Keep pydicom's complaints about odd values out of logs: they quote the value, names too."""
    log = logging.getLogger("pydicom")
    log.addFilter(_drop)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.removeFilter(_drop)


def _drop(_record: logging.LogRecord) -> bool:
    return False


def _read(content: bytes) -> EcgStill:
    try:
        from pydicom import dcmread  # noqa: PLC0415 - only the centre has it
    except ImportError as error:
        raise UnsupportedStill("DICOM is read at the centre, where pydicom is installed") from error
    data = dcmread(BytesIO(content))
    if not str(data.get("SOPClassUID", "")).startswith(ECG_STORAGE):
        raise UnsupportedStill("a DICOM object that is no ECG")
    groups = _rhythm(data)
    rate_hz = _rate(groups[0])
    if not 0 < rate_hz < 1e6:
        raise DamagedStill("no sampling rate")
    return EcgStill(
        format=Format.DICOM,
        rate_hz=rate_hz,
        leads=with_derived(_leads(groups, "<" if data.original_encoding[1] else ">")),
        recorded_at=fields.instant(_recorded_at(data)),
        device=_device(data),
        filters=_filters(groups[0].ChannelDefinitionSequence[0]),
        measurements=_measurements(data),
        statements=tuple(_statements(data)),
        patient=_patient(data),
    )


def _rhythm(data: Any) -> list[Any]:
    """Return the waveforms as recorded, at the first one's rate; median beats and the like are derived."""
    groups = list(data.get("WaveformSequence", ()))
    original = [g for g in groups if g.get("WaveformOriginality", "ORIGINAL") == "ORIGINAL"]
    if not original:
        raise DamagedStill("no waveform as recorded")
    return [group for group in original if _rate(group) == _rate(original[0])]


def _rate(group: Any) -> float:
    return float(group.SamplingFrequency)


def _leads(groups: list[Any], byte_order: str) -> list[Lead]:
    """Return the leads of all groups: a cart that records in turns writes a group for each turn.

    What comes again under the name of an earlier group's lead is a copy of a part of it.
    """
    began_ms = _offset_ms(groups[0])
    found: list[Lead] = []
    for group in groups:
        known = {lead.name for lead in found}
        leads = _group_leads(group, byte_order, (_offset_ms(group) - began_ms) / 1000)
        found += [lead for lead in leads if lead.name not in known]
    return found


def _offset_ms(group: Any) -> float:
    return float(group.get("MultiplexGroupTimeOffset", 0) or 0)


def _group_leads(group: Any, byte_order: str, start_s: float) -> list[Lead]:
    channels, count = list(group.ChannelDefinitionSequence), int(group.NumberOfWaveformSamples)
    bits = int(group.WaveformBitsAllocated)
    layout = LAYOUTS.get((str(group.WaveformSampleInterpretation), bits))
    if layout is None:
        raise UnsupportedStill("samples that are no plain whole numbers")
    if count <= 0 or not channels or count * len(channels) > MOST_SAMPLES:
        raise TooLarge(f"{count} samples of {len(channels)} leads")
    data = group.WaveformData[: bits // 8 * count * len(channels)]
    if len(data) < bits // 8 * count * len(channels):
        raise DamagedStill("fewer samples than promised")
    stored = np.frombuffer(data, dtype=byte_order + layout).reshape(count, len(channels))
    values = stored.astype(np.int64)
    values[_missing(group, stored)] = NO_SAMPLE
    return [_lead(channel, values[:, i], start_s) for i, channel in enumerate(channels)]


def _missing(group: Any, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    # An odd number of bytes is padded, so that a value of eight bits has a zero behind it.
    padding = bytes(group.get("WaveformPaddingValue", None) or b"")[: stored.itemsize]
    named = np.frombuffer(padding, dtype=stored.dtype)
    if stored.dtype.kind == "i":
        named = named[named != 0]  # a cart names 0, which is where its trace rests
    missing = np.isin(stored, named)
    return missing | (stored == LOWEST_16) if stored.dtype.str[1:] == "i2" else missing


def _lead(channel: Any, values: Wide, start_s: float) -> Lead:
    unit_uv = UV_PER.get(str(channel.ChannelSensitivityUnitsSequence[0].CodeValue), 0.0)
    correction = float(channel.get("ChannelSensitivityCorrectionFactor", 1) or 1)
    gain_uv = float(channel.ChannelSensitivity) * correction * unit_uv
    if gain_uv <= 0:
        raise UnsupportedStill("a lead without a scale in volts")
    zero_uv = float(channel.get("ChannelBaseline", 0) or 0) * unit_uv
    return shifted_lead(_lead_name(channel), values, gain_uv, zero_uv, start_s)


def _lead_name(channel: Any) -> str:
    source = channel.ChannelSourceSequence[0]
    scheme, code = str(source.CodingSchemeDesignator), str(source.CodeValue)
    number = re.split("[-:]", code)[-1]
    if (scheme == "SCPECG" or MDC_LEAD.match(code)) and (name := SCP_LEADS.get(number)):
        return name
    meaning = str(source.get("CodeMeaning", "")).split("(")[0]
    return canonical(meaning or code)


def _recorded_at(data: Any) -> str:
    whole = str(data.get("AcquisitionDateTime", "") or "")
    return whole or f"{data.get('StudyDate', '') or ''}{data.get('StudyTime', '') or ''}"


def _device(data: Any) -> Device:
    return Device(
        manufacturer=str(data.get("Manufacturer", "") or ""),
        model=str(data.get("ManufacturerModelName", "") or ""),
        serial=str(data.get("DeviceSerialNumber", "") or ""),
        software=str(data.get("SoftwareVersions", "") or ""),
    )


def _filters(channel: Any) -> Filters:
    def hertz(keyword: str) -> float | None:
        return fields.number(str(channel.get(keyword, "")))

    return Filters(
        high_pass_hz=hertz("FilterLowFrequency"),
        low_pass_hz=hertz("FilterHighFrequency"),
        notch_hz=hertz("NotchFilterFrequency"),
    )


def _annotations(data: Any) -> Iterator[Any]:
    yield from data.get("WaveformAnnotationSequence", None) or ()


def _measurements(data: Any) -> Measurements:
    """Return the first number under each known name; later ones are of single beats and leads."""
    found: dict[str, float] = {}
    for annotation in _annotations(data):
        concepts = annotation.get("ConceptNameCodeSequence", None) or ()
        field = (
            MEASURES.get(str(concepts[0].get("CodeMeaning", "")).casefold()) if concepts else None
        )
        value = fields.number(str(annotation.get("NumericValue", "")))
        if field is not None and value is not None:
            found.setdefault(field, value)
    return Measurements(**found)


def _statements(data: Any) -> Iterator[str]:
    for annotation in _annotations(data):
        spoken = str(annotation.get("UnformattedTextValue", "") or "").strip()
        if spoken:
            yield spoken


def _patient(data: Any) -> PatientIdentity:
    name = data.get("PatientName", None)
    age = str(data.get("PatientAge", "") or "")
    return PatientIdentity(
        patient_id=str(data.get("PatientID", "") or ""),
        family_name=str(getattr(name, "family_name", "") or ""),
        given_name=str(getattr(name, "given_name", "") or ""),
        birth_date=fields.day(str(data.get("PatientBirthDate", "") or "")),
        sex=fields.sex(str(data.get("PatientSex", "") or "")),
        age_y=fields.number(age.removesuffix("Y")) if age.endswith("Y") else None,
    )
