"""From a stored body to the engine's readings: pure, so that a rebuild judges the same.

A continuous oximeter gives a value each second; of those the first good one of each half minute is judged.
Gaps of a continuous meter are no failed attempts: nobody sat down to measure.
"""

from collections.abc import Iterator

from koffert_hub.alerts.records import Kind, Reading, Session, Symptoms, Value
from koffert_hub.clock import decode_basis, measured_at
from koffert_hub.projection import StoredBody
from koffert_wire import messages as wire
from koffert_wire.messages import decode_messages

# As far apart as a repeat must be to count (`confirmation.repeat_apart_s`).
SLOT_MS = 30_000
_NS_PER_MS = 1_000_000
_KINDS = {
    "spo2_pct": Kind.SPO2,
    "pulse_bpm": Kind.PULSE,
    "respiratory_rate_bpm": Kind.RESPIRATORY_RATE,
    "temperature_c": Kind.TEMPERATURE,
    "systolic_mmhg": Kind.SYSTOLIC,
}
_OXIMETRY = frozenset({"spo2_pct", "pulse_bpm"})


def readings_of(body: StoredBody, minimum_quality: float) -> Iterator[Reading]:
    """All that a body says to the engine, with its times on the hub's clock.

    The readings of one half minute of a continuous meter share an id: the first that comes is the one.
    """
    basis = decode_basis(body.time_basis)
    arrived_ms = basis.received_ns // _NS_PER_MS
    for message in decode_messages(body.messages):
        match message:
            case wire.Reading():
                at_ms = measured_at(message.at, basis).ms
                yield from _numbers(message, at_ms, arrived_ms, minimum_quality)
            case wire.Diary() | wire.CallButton() | wire.Spirometry() | wire.Attempt():
                at_ms = measured_at(message.at, basis).ms
                yield from _said(message, at_ms, arrived_ms)
            case _:
                continue


def _numbers(
    message: wire.Reading, at_ms: int, arrived_ms: int, minimum_quality: float
) -> Iterator[Reading]:
    continuous = message.mode is wire.Mode.CONTINUOUS
    accepted = message.quality >= minimum_quality if continuous else message.quality > 0
    context = message.context or wire.SpotContext()
    for code, value in message.values.items():
        kind = _KINDS.get(code)
        good = value is not None and accepted
        if kind is None or (continuous and not good) or (not good and code not in _OXIMETRY):
            continue
        slot = f"{message.sensor}~{at_ms // SLOT_MS}"
        yield Reading(
            at_ms,
            f"{slot if continuous else message.id.hex()}:{kind}",
            arrived_ms,
            kind,
            value,
            message.quality if good else 0.0,
            context.oxygen_l_min,
            context.at_rest,
            context.reliever_before,
            trains=bool(context.by_patient),
        )


def _said(
    message: wire.Diary | wire.CallButton | wire.Spirometry | wire.Attempt,
    at_ms: int,
    arrived_ms: int,
) -> Iterator[Reading]:
    identity = message.id.hex()
    match message:
        case wire.Diary():
            known = Symptoms.__struct_fields__
            answers = {code: yes for code, yes in message.answers.items() if code in known}
            yield Reading(at_ms, identity, arrived_ms, Kind.DIARY, Symptoms(**answers))
        case wire.CallButton():
            yield Reading(at_ms, identity, arrived_ms, Kind.CALL_BUTTON, 1.0)
        case wire.Attempt():
            yield Reading(at_ms, identity, arrived_ms, Kind.SPO2, None, 0.0)
        case wire.Spirometry():
            session = _session(message)
            if session is not None:
                yield Reading(at_ms, identity, arrived_ms, Kind.SPIROMETRY, session)


def _session(message: wire.Spirometry) -> Value:
    fev1_l = message.values.get("fev1_l")
    if fev1_l is None or message.grade_fev1 is None:
        return None
    return Session(fev1_l, message.grade_fev1, message.values.get("fvc_l"))
