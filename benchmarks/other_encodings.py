"""The events of a patient's day as others would say them: plain JSON, SenML (RFC 8428), FHIR R4."""

import base64
from datetime import UTC, datetime

from koffert_wire.messages import Reading, Spirometry, WaveformBlock
from koffert_wire.quantities import quantity
from koffert_wire.samples import unpack_samples

Event = Reading | WaveformBlock | Spirometry | bytes
_OBSERVATION = {"resourceType": "Observation", "status": "final"}
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def plain_json(event: Event, device: str, loan: str) -> object:
    """One flat object with the names of our own quantities."""
    told: dict[str, object] = {"device": device, "loan": loan}
    match event:
        case bytes():
            return told | {"type": "aecg", "content": _base64(event)}
        case WaveformBlock():
            told |= {"wave": event.waveform, "rate_hz": event.rate_hz, "samples": _samples(event)}
        case Reading():
            told |= {"sensor": event.sensor, "mode": event.mode, "quality": event.quality}
            told |= event.values
        case Spirometry():
            told |= {"sensor": event.sensor, "grade": event.grade_fev1}
            told |= event.values
    return told | {"id": event.id.hex(), "t_ms": event.at.wall_ns // 1_000_000}


def senml_json(event: Event, device: str, loan: str) -> object:
    """One pack: a base record, then one record for each value or sample."""
    base: dict[str, object] = {"bn": f"urn:dev:{device}:{loan}:"}
    match event:
        case bytes():
            return [base | {"n": "aecg", "vd": _base64(event)}]
        case WaveformBlock():
            step_s = 1 / event.rate_hz
            records: list[dict[str, object]] = [
                {"n": event.waveform, "t": round(place * step_s, 4), "v": sample}
                for place, sample in enumerate(_samples(event))
            ]
        case Reading() | Spirometry():
            records = [
                {"n": code, "u": quantity(code).ucum, "v": value}
                for code, value in event.values.items()
            ]
    base |= {"bt": event.at.wall_ns / 1e9}
    return [base | records[0], *records[1:]]


def fhir_json(event: Event, device: str, loan: str) -> object:
    """One Observation for each value or curve, in a Bundle where there are several."""
    who = {
        "subject": {"reference": f"Patient/{loan}"},
        "device": {"reference": f"Device/{device}"},
    }
    if isinstance(event, bytes):
        attachment = {"contentType": "text/xml", "data": _base64(event)}
        content = {"content": [{"attachment": attachment}]}
        return {"resourceType": "DocumentReference", "status": "current", **who, **content}
    when = datetime.fromtimestamp(event.at.wall_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    shared = {**_OBSERVATION, **who, "effectiveDateTime": when}
    if isinstance(event, WaveformBlock):
        data = {
            "origin": {"value": 0},
            "period": round(1000 / event.rate_hz, 3),
            "dimensions": 1,
            "data": " ".join(map(str, _samples(event))),
        }
        code = {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "150452"}]}
        return {**shared, "id": event.id.hex(), "code": code, "valueSampledData": data}
    observations = [
        {**shared, "id": event.id.hex(), "code": _code(code), "valueQuantity": _value(code, value)}
        for code, value in event.values.items()
    ]
    entries = [{"resource": each} for each in observations]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _code(code: str) -> object:
    named = quantity(code)
    return {"coding": [{"system": _LOINC, "code": each} for each in named.loinc]}


def _value(code: str, value: float | None) -> object:
    unit = quantity(code).ucum
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _samples(block: WaveformBlock) -> list[int]:
    return unpack_samples(block.codec, block.samples)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
