"""What is no alert yet but must be seen at once: a first reading beyond a red limit, and a call."""

from datetime import datetime

from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.history import Unconfirmed
from koffert_hub.alerts.records import (
    CALL_BUTTON,
    PULSE_HIGH,
    PULSE_LOW,
    RESPIRATORY_RATE_HIGH,
    RESPIRATORY_RATE_LOW,
    SPO2_LOW,
    Priority,
)
from koffert_hub.alerts.ward import WardAlert

_PREFIX = "waiting"
_SEPARATOR = ":"
_CALL = {
    "nb": "Pasienten ringer på sykepleieren",
    "nn": "Pasienten ringjer på sjukepleiaren",
    "en": "The patient calls for the nurse",
}
_VALUES = {
    SPO2_LOW: ("SpO₂ {} %", "SpO₂ {} %", "SpO₂ {} %"),
    PULSE_LOW: ("Puls {}", "Puls {}", "Pulse {}"),
    PULSE_HIGH: ("Puls {}", "Puls {}", "Pulse {}"),
    RESPIRATORY_RATE_LOW: ("Pust {} per min", "Pust {} per min", "Breathing {} /min"),
    RESPIRATORY_RATE_HIGH: ("Pust {} per min", "Pust {} per min", "Breathing {} /min"),
}
_UNCONFIRMED = {
    "nb": "{}, forbi rød grense, ikke bekreftet ennå: ny måling ventes før {}",
    "nn": "{}, forbi raud grense, ikkje stadfesta enno: ny måling blir venta før {}",
    "en": "{}, beyond a red limit, not confirmed yet: a repeat is due before {}",
}


def ward_alert(one: Unconfirmed) -> WardAlert:
    """As the ward shows it. A call can be taken; a first reading waits for its repeat."""
    return WardAlert(
        id=_SEPARATOR.join((_PREFIX, one.loan, one.cause)),
        patient=one.patient,
        priority=Priority.YELLOW,
        reason=_CALL if one.cause == CALL_BUTTON else _sentences(one),
        raised_ms=one.since_ms,
        waiting=True,
        takeable=one.cause == CALL_BUTTON,
        call=one.cause == CALL_BUTTON,
    )


def called_loan(alert_id: str) -> str | None:
    """The loan whose waiting call this id names; None when it names anything else."""
    prefix, _, rest = alert_id.partition(_SEPARATOR)
    loan, _, cause = rest.rpartition(_SEPARATOR)
    return loan if prefix == _PREFIX and cause == CALL_BUTTON else None


def _sentences(one: Unconfirmed) -> dict[str, str]:
    until = f"{datetime.fromtimestamp(one.until_ms / 1_000, OSLO):%H:%M}"
    values = _VALUES.get(one.cause, ("{}", "{}", "{}"))
    return {
        language: sentence.format(
            value.format(_number(one.value, ".") if language == "en" else _number(one.value, ",")),
            until,
        )
        for (language, sentence), value in zip(_UNCONFIRMED.items(), values, strict=True)
    }


def _number(value: float, decimal: str) -> str:
    return f"{value:g}".replace(".", decimal)
