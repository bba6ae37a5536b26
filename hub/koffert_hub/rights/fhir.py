"""A patient and readings as FHIR R4 resources, as far as the record knows them. Pure."""

from koffert_hub.birth_number import compact
from koffert_hub.patients import Person
from koffert_hub.projection import Opened
from koffert_hub.times import from_ms
from koffert_wire.messages import Reading
from koffert_wire.quantities import QUANTITIES, Quantity

# The Norwegian birth number and D-number (no-basis, hl7.no).
_BIRTH_NUMBER = "urn:oid:2.16.578.1.12.4.1.4.1"
_LOINC = "http://loinc.org"
_SNOMED = "http://snomed.info/sct"
_UCUM = "http://unitsofmeasure.org"
_BY_CODE = {one.code: one for one in QUANTITIES}


def patient_resource(patient: str, person: Person | None) -> dict[str, object]:
    """Who the record is about."""
    resource: dict[str, object] = {"resourceType": "Patient", "id": patient}
    if person is None:
        return resource
    resource["name"] = [{"text": person.display_name}]
    if person.birth_number:
        number = compact(person.birth_number)
        resource["identifier"] = [{"system": _BIRTH_NUMBER, "value": number}]
    if person.phone:
        resource["telecom"] = [{"system": "phone", "value": person.phone}]
    if person.next_of_kin:
        resource["contact"] = [{"name": {"text": person.next_of_kin}}]
    return resource


def observation(
    patient: str, opened: Opened, reading: Reading, at_ms: int, *, counts: bool
) -> dict[str, object]:
    """One reading; a value that its meter gave up on is absent, one that was struck is `entered-in-error`."""
    return {
        "resourceType": "Observation",
        "id": reading.id.hex(),
        "status": "final" if counts else "entered-in-error",
        "subject": {"reference": f"Patient/{patient}"},
        "device": {"display": f"{reading.sensor}, {opened.header.device}"},
        "effectiveDateTime": from_ms(at_ms).isoformat(timespec="milliseconds"),
        "component": [_component(code, value) for code, value in reading.values.items()],
    }


def _component(code: str, value: float | None) -> dict[str, object]:
    known = _BY_CODE.get(code)
    coded = {"coding": _codings(known) if known else [], "text": code}
    if value is None:
        return {"code": coded, "dataAbsentReason": {"text": "no value"}}
    unit = {"system": _UCUM, "code": known.ucum} if known else {}
    return {"code": coded, "valueQuantity": {"value": value, **unit}}


def _codings(known: Quantity) -> list[dict[str, str]]:
    found = [{"system": _LOINC, "code": code} for code in known.loinc]
    if known.snomed:
        found.append({"system": _SNOMED, "code": known.snomed})
    return found
