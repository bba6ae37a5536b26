"""HL7 annotated ECG (aECG, FDA), the form that research carts and converters export."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from koffert_drivers.stills import fields
from koffert_drivers.stills.errors import DamagedStill, TooLarge, UnsupportedStill
from koffert_drivers.stills.leads import MOST_SAMPLES, Wide, canonical, shifted_lead, with_derived
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

LEAD_PREFIX = "MDC_ECG_LEAD_"
UV_PER = {"uV": 1.0, "mV": 1000.0, "nV": 0.001, "V": 1e6}
S_PER = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
# The measurement's code -> our field. Where each beat is measured, the beat without a lead counts first.
MEASURES = {
    "MDC_ECG_HEART_RATE": "heart_rate_bpm",
    "MDC_ECG_TIME_PD_RR": "rr_ms",
    "MDC_ECG_TIME_PD_PR": "pr_ms",
    "MDC_ECG_TIME_PD_QRS": "qrs_ms",
    "MDC_ECG_TIME_PD_QT": "qt_ms",
    "MDC_ECG_TIME_PD_QTc": "qtc_ms",
    "MDC_ECG_ANGLE_P_FRONT": "p_axis_deg",
    "MDC_ECG_ANGLE_QRS_FRONT": "qrs_axis_deg",
    "MDC_ECG_ANGLE_T_FRONT": "t_axis_deg",
}
MS_PER = {"s": 1000.0, "us": 1e-3}
FILTERS = {
    "MDC_ECG_CTL_VBL_ATTR_FILTER_HIGH_PASS": "high_pass_hz",
    "MDC_ECG_CTL_VBL_ATTR_FILTER_LOW_PASS": "low_pass_hz",
    "MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH": "notch_hz",
}
STATEMENT_CODES = ("MDC_ECG_INTERPRETATION_STATEMENT", "MDC_ECG_INTERPRETATION_SUMMARY")


def read_aecg(root: Element) -> EcgStill:
    """Read the rhythm of a parsed `AnnotatedECG`; raises DamagedStill where it holds no leads."""
    series = root.find("component/series")
    if series is None:
        raise DamagedStill("the aECG has no series")
    sequence_sets = series.findall("component/sequenceSet")
    rate_hz = _rate(sequence_sets[0]) if sequence_sets else 0.0
    leads = [lead for each in sequence_sets for lead in _leads(each, sequence_sets[0])]
    if not leads or rate_hz <= 0:
        raise DamagedStill("the aECG holds no leads with a rate")
    if any(_rate(each) != rate_hz for each in sequence_sets):
        raise UnsupportedStill("several rates among the leads")
    started = attribute(series, "effectiveTime/low", "value")
    return EcgStill(
        format=Format.AECG,
        rate_hz=rate_hz,
        leads=with_derived(leads),
        recorded_at=fields.instant(started or attribute(root, "effectiveTime/center", "value")),
        device=_device(series),
        filters=_filters(series),
        measurements=_measurements(series),
        statements=_statements(series),
        patient=_patient(root),
    )


def _rate(sequence_set: Element) -> float:
    for step in sequence_set.iterfind("component/sequence/value/increment"):
        size = fields.number(step.get("value"))
        if size is not None and size > 0:
            return round(1 / (size * S_PER.get(step.get("unit", "s"), 1.0)), 6)
    return 0.0


def _leads(sequence_set: Element, first: Element) -> list[Lead]:
    """Return the leads of one set; carts that record in turns write a set for each turn."""
    start_s = _began_after(sequence_set, first)
    found = []
    for sequence in sequence_set.iterfind("component/sequence"):
        code = attribute(sequence, "code", "code")
        value = sequence.find("value")
        if code.startswith(LEAD_PREFIX) and value is not None:
            found.append(_lead(canonical(code), value, start_s))
    if len({lead.samples.size for lead in found}) > 1:
        raise DamagedStill("the leads differ in length")
    return found


def _began_after(sequence_set: Element, first: Element) -> float:
    """Return the seconds from the first set's beginning, 0 where the sets do not tell."""
    began, start = (
        fields.instant(attribute(each, "component/sequence/value/head", "value"))
        for each in (sequence_set, first)
    )
    if began is None or start is None or (began.tzinfo is None) != (start.tzinfo is None):
        return 0.0
    return (began - start).total_seconds()


def _lead(name: str, value: Element, start_s: float) -> Lead:
    scale_uv, origin_uv = (_microvolts(value, part) for part in ("scale", "origin"))
    if scale_uv is None or scale_uv <= 0:
        raise DamagedStill(f"lead {name} has no scale in volts")
    digits = _digits(name, text(value, "digits"))
    return shifted_lead(name, digits, scale_uv, origin_uv or 0.0, start_s)


def _microvolts(value: Element, part: str) -> float | None:
    size = fields.number(attribute(value, part, "value"))
    if not size:
        return size
    unit_uv = UV_PER.get(attribute(value, part, "unit"))
    if unit_uv is None:
        raise DamagedStill(f"the {part} of a lead is not in volts")
    return size * unit_uv


def _digits(name: str, digits: str) -> Wide:
    parts = digits.split(maxsplit=MOST_SAMPLES)
    if len(parts) > MOST_SAMPLES:
        raise TooLarge("more samples than any still holds")
    try:
        return np.array(parts, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise DamagedStill(f"lead {name} holds something else than whole numbers") from error


def _device(series: Element) -> Device:
    author = "author/seriesAuthor/"
    machine = author + "manufacturedSeriesDevice/"
    return Device(
        manufacturer=text(series, author + "manufacturerOrganization/name"),
        model=text(series, machine + "manufacturerModelName"),
        serial=attribute(series, machine + "id", "extension"),
        software=text(series, machine + "softwareName"),
    )


def _filters(series: Element) -> Filters:
    found: dict[str, float | None] = {}
    for variable in series.iterfind("controlVariable/controlVariable"):
        field = FILTERS.get(attribute(variable, "code", "code"))
        if field is not None:
            size = attribute(variable, "component/controlVariable/value", "value")
            found[field] = fields.number(size)
    return Filters(**found)


def _annotations(series: Element) -> list[Element]:
    return [
        annotation
        for annotation_set in series.iter("annotationSet")
        for annotation in annotation_set.iter("annotation")
    ]


def _measurements(series: Element) -> Measurements:
    """Return each measure's first value: carts put the global ones first."""
    found: dict[str, float] = {}
    for annotation in _annotations(series):
        field = MEASURES.get(attribute(annotation, "code", "code"))
        value = annotation.find("value")
        if field is None or value is None or field in found:
            continue
        size = fields.number(value.get("value"))
        if size is not None:
            found[field] = size * MS_PER.get(value.get("unit", ""), 1.0)
    return Measurements(**found)


def _statements(series: Element) -> tuple[str, ...]:
    spoken = [
        statement
        for annotation in _annotations(series)
        if attribute(annotation, "code", "code") in STATEMENT_CODES
        for statement in texts(annotation, "value")
    ]
    rhythm = [
        attribute(annotation, "value", "displayName")
        for annotation in _annotations(series)
        if attribute(annotation, "code", "code") == "MDC_ECG_RHY"
    ]
    return tuple(filter(None, [*spoken, *rhythm]))


def _patient(root: Element) -> PatientIdentity:
    subject = root.find(".//subject/trialSubject")
    if subject is None:
        return PatientIdentity()
    person = "subjectDemographicPerson/"
    family, given = (text(subject, person + f"name/{part}") for part in ("family", "given"))
    return PatientIdentity(
        patient_id=attribute(subject, "id", "extension"),
        family_name=family or text(subject, person + "name"),
        given_name=given,
        birth_date=fields.day(attribute(subject, person + "birthTime", "value")),
        sex=fields.sex(attribute(subject, person + "administrativeGenderCode", "code")),
    )
