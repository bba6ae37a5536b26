"""GE MUSE XML: eight leads of rhythm in base64, checksummed, and the cart's statements."""

from __future__ import annotations

import binascii
import zlib
from datetime import datetime
from xml.etree.ElementTree import Element

import numpy as np

from koffert_drivers.stills import fields
from koffert_drivers.stills.errors import DamagedStill, UnsupportedStill
from koffert_drivers.stills.leads import canonical, frozen, with_derived
from koffert_drivers.stills.records import (
    Device,
    EcgStill,
    Filters,
    Format,
    Lead,
    Measurements,
    PatientIdentity,
)
from koffert_drivers.stills.xml import text, texts

RHYTHM = "Rhythm"
SAMPLE_BYTES = 2
UV_PER = {"MICROVOLTS": 1.0, "MILLIVOLTS": 1000.0}
MEASURES = {
    "VentricularRate": "heart_rate_bpm",
    "PRInterval": "pr_ms",
    "QRSDuration": "qrs_ms",
    "QTInterval": "qt_ms",
    "QTCorrected": "qtc_ms",
    "PAxis": "p_axis_deg",
    "RAxis": "qrs_axis_deg",
    "TAxis": "t_axis_deg",
}
# The high-pass is written in hundredths of a hertz; some versions write it in hertz with a point.
HIGH_PASS_PER_HZ = 100


def read_muse(root: Element) -> EcgStill:
    """Read a parsed `RestingECG`; raises DamagedStill for a missing rhythm or a wrong checksum."""
    rhythm = next((w for w in root.iterfind("Waveform") if text(w, "WaveformType") == RHYTHM), None)
    if rhythm is None:
        raise DamagedStill("the MUSE file has no rhythm")
    base = fields.number(text(rhythm, "SampleBase"))
    exponent = fields.number(text(rhythm, "SampleExponent")) or 0.0
    leads = [_lead(data) for data in rhythm.iterfind("LeadData")]
    if not leads or base is None or base <= 0 or abs(exponent) > 6:
        raise DamagedStill("the rhythm has no leads or no rate")
    return EcgStill(
        format=Format.MUSE,
        rate_hz=base * 10**exponent,
        leads=with_derived(leads),
        recorded_at=_recorded_at(root),
        device=_device(root),
        filters=_filters(rhythm),
        measurements=_measurements(root),
        statements=_statements(root),
        patient=_patient(root),
    )


def _lead(data: Element) -> Lead:
    name = canonical(text(data, "LeadID"))
    gain = fields.number(text(data, "LeadAmplitudeUnitsPerBit"))
    unit_uv = UV_PER.get(text(data, "LeadAmplitudeUnits").upper())
    if gain is None or gain <= 0 or unit_uv is None:
        raise DamagedStill(f"lead {name} has no scale in volts")
    if text(data, "LeadSampleSize") not in {"", str(SAMPLE_BYTES)}:
        raise UnsupportedStill("samples that are not 16 bits")
    stored = _bytes(name, text(data, "WaveFormData"))
    crc = text(data, "LeadDataCRC32")
    if crc and crc != str(zlib.crc32(stored)):
        raise DamagedStill(f"the checksum of lead {name} does not match")
    promised = text(data, "LeadSampleCountTotal")
    if promised and promised != str(len(stored) // SAMPLE_BYTES):
        raise DamagedStill(f"lead {name} holds another number of samples than promised")
    return Lead(name, frozen(np.frombuffer(stored, dtype="<i2")), gain * unit_uv)


def _bytes(name: str, encoded: str) -> bytes:
    try:
        stored = binascii.a2b_base64(encoded)
    except ValueError as error:
        raise DamagedStill(f"lead {name} is no base64") from error
    if not stored or len(stored) % SAMPLE_BYTES:
        raise DamagedStill(f"lead {name} holds no whole samples")
    return stored


def _recorded_at(root: Element) -> datetime | None:
    """Return the acquisition time; MUSE writes the day as MM-DD-YYYY."""
    month, _, rest = text(root, "TestDemographics/AcquisitionDate").partition("-")
    day, _, year = rest.partition("-")
    return fields.day_and_time(
        f"{year}{month:0>2}{day:0>2}", text(root, "TestDemographics/AcquisitionTime")
    )


def _device(root: Element) -> Device:
    return Device(
        manufacturer="GE",
        model=text(root, "TestDemographics/AcquisitionDevice"),
        serial=text(root, "TestDemographics/CartNumber"),
        software=text(root, "TestDemographics/AcquisitionSoftwareVersion"),
    )


def _filters(rhythm: Element) -> Filters:
    written = text(rhythm, "HighPassFilter")
    high_pass = fields.number(written)
    in_hundredths = high_pass is not None and "." not in written
    return Filters(
        high_pass_hz=(high_pass or 0) / HIGH_PASS_PER_HZ if in_hundredths else high_pass,
        low_pass_hz=fields.number(text(rhythm, "LowPassFilter")),
        notch_hz=fields.number(text(rhythm, "ACFilter")),
    )


def _measurements(root: Element) -> Measurements:
    values = {
        field: fields.number(text(root, f"RestingECGMeasurements/{name}"))
        for name, field in MEASURES.items()
    }
    return Measurements(**values)


def _statements(root: Element) -> tuple[str, ...]:
    """Return the sentences: pieces are joined up to the one flagged as the end of a line."""
    flagged = root.find("Diagnosis/DiagnosisStatement/StmtFlag") is not None
    found: list[str] = []
    pieces: list[str] = []
    for statement in root.iterfind("Diagnosis/DiagnosisStatement"):
        pieces += texts(statement, "StmtText")
        if not flagged or "ENDSLINE" in texts(statement, "StmtFlag"):
            found.append(" ".join(pieces))
            pieces = []
    return tuple(filter(None, [*found, " ".join(pieces)]))


def _patient(root: Element) -> PatientIdentity:
    person = "PatientDemographics/"
    month, _, rest = text(root, person + "DateofBirth").partition("-")
    day, _, year = rest.partition("-")
    in_years = text(root, person + "AgeUnits").upper() in {"", "YEARS"}
    return PatientIdentity(
        patient_id=text(root, person + "PatientID"),
        family_name=text(root, person + "PatientLastName"),
        given_name=text(root, person + "PatientFirstName"),
        birth_date=fields.day(f"{year}{month:0>2}{day:0>2}"),
        sex=fields.sex(text(root, person + "Gender")),
        age_y=fields.number(text(root, person + "PatientAge")) if in_years else None,
    )
