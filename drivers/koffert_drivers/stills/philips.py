"""Philips Sierra XML 1.03 and 1.04: twelve leads, XLI-packed or plain, and the cart's interpretation."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from koffert_drivers.stills import fields, xli
from koffert_drivers.stills.errors import DamagedStill, UnsupportedStill
from koffert_drivers.stills.leads import STANDARD_ORDER, Wide, canonical, frozen, with_derived
from koffert_drivers.stills.records import (
    Device,
    EcgStill,
    Filters,
    Format,
    Lead,
    Measurements,
    PatientIdentity,
)
from koffert_drivers.stills.xml import attribute, text, texts

# Our field -> the cart's words for it, in 1.04 and in 1.03.
MEASURES = {
    "heart_rate_bpm": ("heartrate",),
    "rr_ms": ("rrint",),
    "pr_ms": ("print", "meanprint"),
    "qrs_ms": ("qrsdur", "meanqrsdur"),
    "qt_ms": ("qtint", "meanqtint"),
    "qtc_ms": ("qtcb", "meanqtc"),
    "p_axis_deg": ("pfrontaxis",),
    "qrs_axis_deg": ("qrsfrontaxis",),
    "t_axis_deg": ("tfrontaxis",),
}
MOST_LEADS = 18
# Leads that agree for this long are no chest.
CALIBRATION_S = 0.2
# The layout of the limb leads that are packed as what is left after prediction from I and II.
PREDICTED = STANDARD_ORDER[:6]


def read_philips(root: Element) -> EcgStill:
    """Read a parsed `restingecgdata`; raises DamagedStill for a waveform that does not unpack."""
    wave = root.find(".//parsedwaveforms")
    signal = root.find("dataacquisition/signalcharacteristics")
    if wave is None or signal is None:
        raise DamagedStill("the Philips file has no waveform")
    rate_hz = _size(wave.get("samplespersecond") or text(signal, "samplingrate"), "rate")
    resolution = wave.get("resolution") or text(signal, "resolution")
    gain_uv = _size(resolution or text(signal, "signalresolution"), "resolution")
    names = _names(wave, signal)
    values = _values(wave, len(names))
    if len({lead.size for lead in values}) != 1:
        raise DamagedStill("the leads differ in length")
    if tuple(names[:6]) == PREDICTED and _packing(wave) == "XLI":
        values = _from_predictions(values)
    leads = [Lead(name, frozen(of), gain_uv) for name, of in zip(names, values, strict=True)]
    return EcgStill(
        format=Format.PHILIPS,
        rate_hz=rate_hz,
        leads=with_derived(leads),
        recorded_at=fields.day_and_time(
            attribute(root, "dataacquisition", "date"), attribute(root, "dataacquisition", "time")
        ),
        device=_device(root),
        filters=_filters(signal),
        measurements=_measurements(root),
        statements=_statements(root),
        notes=_calibration(values, rate_hz),
        patient=_patient(root),
    )


def _size(written: str, what: str) -> float:
    """Return a number above 0, which 1.04 keeps beside the samples and 1.03 with the acquisition."""
    found = fields.number(written)
    if found is None or found <= 0:
        raise DamagedStill(f"the waveform has no {what}")
    return found


def _names(wave: Element, signal: Element) -> list[str]:
    promised = wave.get("numberofleads") or text(signal, "numberchannelsallocated")
    count = fields.number(promised)
    names = [canonical(name) for name in (wave.get("leadlabels") or "").split()]
    names = names or list(STANDARD_ORDER)
    if count is None or not 0 < count <= min(len(names), MOST_LEADS):
        raise DamagedStill("leads and their names do not pair")
    return names[: int(count)]


def _packing(wave: Element) -> str:
    """Return how the samples are packed; 1.03 and 1.04 call the attribute differently."""
    return wave.get("compressmethod") or wave.get("compression") or "Uncompressed"


def _values(wave: Element, count: int) -> list[Wide]:
    encoding = wave.get("dataencoding", "")
    packing = _packing(wave)
    if encoding != "Base64" or packing not in {"XLI", "Uncompressed"}:
        raise UnsupportedStill("a packing of the waveform that is not described")
    try:
        stored = binascii.a2b_base64("".join((wave.text or "").split()))
    except ValueError as error:
        raise DamagedStill("the waveform is no base64") from error
    if packing == "XLI":
        return xli.decode(stored, count)
    if not stored or len(stored) % (2 * count):
        raise DamagedStill("the waveform holds no whole samples")
    plain = np.frombuffer(stored, dtype="<i2").astype(np.int64)
    return list(plain.reshape(count, -1))


def _from_predictions(values: Sequence[Wide]) -> list[Wide]:
    """Undo the prediction of III, aVR, aVL and aVF; halves round down, as the carts do."""
    one, two, left_iii, left_avr, left_avl, left_avf, *chest = values
    three = two - one - left_iii
    avr = -((one + two) // 2) - left_avr
    avl = (one - three) // 2 - left_avl
    avf = (two + three) // 2 - left_avf
    return [one, two, three, avr, avl, avf, *chest]


def _calibration(values: Sequence[Wide], rate_hz: float) -> tuple[str, ...]:
    """Return a note where all leads end with the same values: then that is no ECG."""
    table = np.stack(values)
    differing = np.flatnonzero(np.any(table != table[0], axis=0))
    same = table.shape[1] - 1 - (int(differing[-1]) if differing.size else -1)
    if len(values) < 2 or same < CALIBRATION_S * rate_hz:
        return ()
    return (f"the last {same} samples are the cart's calibration pulse",)


def _device(root: Element) -> Device:
    path = "dataacquisition/machine"
    description = attribute(root, path, "detaildescription").split(":")
    return Device(
        manufacturer="Philips",
        model=text(root, path),
        serial=attribute(root, path, "machineid"),
        software=description[-1].strip() if len(description) > 1 else "",
    )


def _filters(signal: Element) -> Filters:
    notched = text(signal, "notchfiltered").lower() == "true"
    low, _, high = text(signal, "signalbandwidth").partition("-")  # in 1.03
    return Filters(
        high_pass_hz=fields.number(text(signal, "hipass") or low),
        low_pass_hz=fields.number(text(signal, "lowpass") or high),
        notch_hz=fields.number(text(signal, "acsetting")) if notched else None,
    )


def _measurements(root: Element) -> Measurements:
    interpretation = root.find(".//interpretation")
    if interpretation is None:
        return Measurements()
    measured = interpretation.find("globalmeasurements")
    if measured is None:
        measured = interpretation.find("interpretationmeasurements")  # in 1.03
    if measured is None:
        return Measurements()
    return Measurements(
        **{
            field: fields.number("".join(text(measured, word) for word in words))
            for field, words in MEASURES.items()
        }
    )


def _statements(root: Element) -> tuple[str, ...]:
    interpretation = root.find(".//interpretation")
    if interpretation is None:
        return ()
    return (
        *texts(interpretation, "statement/leftstatement"),
        *texts(interpretation, "severity"),
    )


def _patient(root: Element) -> PatientIdentity:
    person = "patient/generalpatientdata/"
    return PatientIdentity(
        patient_id=text(root, person + "patientid"),
        family_name=text(root, person + "name/lastname"),
        given_name=text(root, person + "name/firstname"),
        birth_date=fields.day(text(root, person + "age/dateofbirth")),
        sex=fields.sex(text(root, person + "sex")),
        age_y=fields.number(text(root, person + "age/years")),
    )
