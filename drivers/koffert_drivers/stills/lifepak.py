"""LIFEPAK recordings as CODE-STAT exports them: XML, channels in pieces, decimal numbers.

A 12-lead is only a time in these exports; what they hold is the continuous ECG.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from koffert_drivers.stills import fields
from koffert_drivers.stills.errors import DamagedStill, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import MOST_SAMPLES, Wide, canonical, frozen, in_order
from koffert_drivers.stills.records import (
    NO_SAMPLE,
    Device,
    EcgStill,
    Filters,
    Format,
    Lead,
    PatientIdentity,
)
from koffert_drivers.stills.xml import attribute, text

# Values are printed to many digits of a step that the file does not name; a nanovolt keeps them all.
GAIN_UV = 0.001
NV_PER = {"mV": 1e6, "uV": 1e3, "V": 1e9}
NOTCHES_HZ = {"50 Hertz notch filter": 50.0, "60 Hertz notch filter": 60.0}
# Samples hold up to 2 V in nanovolts; a defibrillator's clips at 32 mV.
LARGEST_NV = 2**31 - 1


def read_lifepak(root: Element) -> EcgStill:
    """Read the ECG channels of a parsed `ECGRecord`, one lead for each piece.

    Raises UnsupportedStill where no channel is an ECG or their rates differ.
    """
    record = root.find("Record")
    if record is None:
        raise DamagedStill("the CODE-STAT file has no record")
    pieces = [piece for channel in record.iterfind("RecordData") for piece in _pieces(channel)]
    rates = {rate_hz for rate_hz, _ in pieces}
    if len(rates) != 1:
        raise UnsupportedStill(f"{len(rates)} rates among the ECG channels, one expected")
    if sum(lead.samples.size for _, lead in pieces) > MOST_SAMPLES:
        raise TooLarge("more samples than any still holds")
    return EcgStill(
        format=Format.LIFEPAK,
        rate_hz=rates.pop(),
        leads=in_order([lead for _, lead in pieces]),
        recorded_at=fields.day_and_time(
            record.get("acquisitionDate"), record.get("acquisitionTime")
        ),
        device=_device(record),
        filters=_filters(record),
        notes=("continuous recording in pieces",) if len(pieces) > 1 else (),
        patient=_patient(root),
    )


def _pieces(channel: Element) -> list[tuple[float, Lead]]:
    name = canonical(text(channel, "Channel"))
    return [
        _piece(name, waveform)
        for waveform in channel.iterfind("Waveforms")
        if attribute(waveform, "YValues", "unit") in NV_PER
    ]


def _piece(name: str, waveform: Element) -> tuple[float, Lead]:
    rate_hz = fields.number(text(waveform, "XValues/SampleRate"))
    scale = fields.number(text(waveform, "YValues/RealValue/Scale"))
    if rate_hz is None or rate_hz <= 0 or scale is None or scale <= 0:
        raise DamagedStill(f"channel {name} has no rate or no scale")
    nv_each = scale * NV_PER[attribute(waveform, "YValues", "unit")]
    samples = _samples(name, text(waveform, "YValues/RealValue/Data"), nv_each)
    promised = text(waveform, "XValues/NumberOfSamples")
    if promised != str(samples.size):
        raise DamagedStill(f"channel {name} holds another number of samples than promised")
    start_s = _seconds(text(waveform, "XValues/XOffset"))
    return rate_hz, Lead(name, frozen(samples), GAIN_UV, start_s=start_s)


def _samples(name: str, data: str, nv_each: float) -> Wide:
    """Return nanovolts; nothing between two commas is no sample."""
    parts = data.split(",", MOST_SAMPLES)
    try:
        values = np.array([float(part) if part.strip() else np.nan for part in parts]) * nv_each
    except ValueError as error:
        raise DamagedStill(f"channel {name} holds something else than numbers") from error
    missing = np.isnan(values)
    if np.any(np.abs(values[~missing]) > LARGEST_NV):
        raise DamagedStill(f"channel {name} holds more than any electrode gives")
    whole = np.rint(np.where(missing, 0.0, values)).astype(np.int64)
    return np.where(missing, NO_SAMPLE, whole)


def _seconds(offset: str) -> float:
    """Return `hh:mm:ss.f` in seconds, 0 where it is no such thing."""
    parts = [fields.number(part) for part in offset.split(":")]
    if len(parts) != 3 or None in parts:
        return 0.0
    hours, minutes, seconds = (part or 0.0 for part in parts)
    return 3600 * hours + 60 * minutes + seconds


def _device(record: Element) -> Device:
    return Device(
        manufacturer=text(record, "RecordingDevice/Manufacturer"),
        model=text(record, "RecordingDevice/Model"),
        serial=text(record, "RecordingDevice/SerialNumber"),
        software=text(record, "RecordingDevice/SoftwareVersion"),
    )


def _filters(record: Element) -> Filters:
    return Filters(
        high_pass_hz=fields.number(text(record, "RecordingDevice/BaselineFilter")),
        low_pass_hz=fields.number(text(record, "RecordingDevice/LowpassFilter")),
        notch_hz=NOTCHES_HZ.get(text(record, "RecordingDevice/FilterBitMap")),
    )


def _patient(root: Element) -> PatientIdentity:
    person = "PatientDemographics"
    return PatientIdentity(
        patient_id=attribute(root, person, "patientID"),
        family_name=text(root, f"{person}/LastName"),
        given_name=text(root, f"{person}/FirstName"),
        birth_date=fields.day(text(root, f"{person}/DateOfBirth")),
        sex=fields.sex(text(root, f"{person}/Sex")),
        age_y=fields.number(text(root, f"{person}/Age")) or None,
    )
