"""One sentence for each rule, in Norwegian and English: what was found, against which limit, by which rule.

Fields in braces are the finding's inputs, limits and baseline; a number keeps at most two decimals and gets
a decimal comma in Norwegian.
"""

from typing import NamedTuple

from koffert_hub.alerts.records import Finding, Number


class Sentence(NamedTuple):
    """A template in both languages."""

    nb: str
    en: str


_DAYS_NB = "SpO₂ {spo2_pct} % og puls {pulse_bpm} i snitt i dag mot vanlig {spo2_mean_pct} og {pulse_mean_bpm}"
_DAYS_EN = (
    "mean SpO₂ {spo2_pct} % and pulse {pulse_bpm} today against the usual {spo2_mean_pct} and "
    "{pulse_mean_bpm}"
)
_WORSE_NB = "Verre enn vanlig {bad_days} av siste {of_days} dager: {symptoms}; " + _DAYS_NB
_WORSE_EN = "Worse than usual on {bad_days} of the last {of_days} days: {symptoms}; " + _DAYS_EN
_ALL_NB = "Alle tre hovedsymptomer i dag: {symptoms}; " + _DAYS_NB
_ALL_EN = "All three main symptoms today: {symptoms}; " + _DAYS_EN
_AND_NB = "; samtidig {grounds}"
_AND_EN = "; at the same time {grounds}"

SENTENCES: dict[str, Sentence] = {
    "spo2-low-confirmed": Sentence(
        "SpO₂ {first_spo2_pct} % og så {spo2_pct} % etter {minutes_between} min, begge på eller under "
        "grensen {spo2_floor_pct} %",
        "SpO₂ {first_spo2_pct} % and then {spo2_pct} % after {minutes_between} min, both at or below "
        "the limit of {spo2_floor_pct} %",
    ),
    "spo2-low-unconfirmed": Sentence(
        "SpO₂ {spo2_pct} %, på eller under grensen {spo2_floor_pct} %, ikke bekreftet: ny måling kom "
        "ikke i tide",
        "SpO₂ {spo2_pct} %, at or below the limit of {spo2_floor_pct} %, not confirmed: no repeat came "
        "in time",
    ),
    "spo2-low-single": Sentence(
        "SpO₂ {spo2_pct} %, på eller under {spo2_yellow_pct} % (rød grense {spo2_floor_pct} %)",
        "SpO₂ {spo2_pct} %, at or below {spo2_yellow_pct} % (red limit {spo2_floor_pct} %)",
    ),
    "spo2-high-on-oxygen": Sentence(
        "SpO₂ {spo2_pct} % med oksygen, på eller over {spo2_high_on_oxygen_pct} %: kanskje for mye "
        "oksygen",
        "SpO₂ {spo2_pct} % on oxygen, at or above {spo2_high_on_oxygen_pct} %: perhaps too much oxygen",
    ),
    "pulse-low-confirmed": Sentence(
        "Puls {first_pulse_bpm} og så {pulse_bpm} etter {minutes_between} min, begge på eller under "
        "grensen {pulse_low_bpm}",
        "Pulse {first_pulse_bpm} and then {pulse_bpm} after {minutes_between} min, both at or below "
        "the limit of {pulse_low_bpm}",
    ),
    "pulse-low-unconfirmed": Sentence(
        "Puls {pulse_bpm}, på eller under grensen {pulse_low_bpm}, ikke bekreftet: ny måling kom ikke "
        "i tide",
        "Pulse {pulse_bpm}, at or below the limit of {pulse_low_bpm}, not confirmed: no repeat came in "
        "time",
    ),
    "pulse-high-confirmed": Sentence(
        "Puls {first_pulse_bpm} og så {pulse_bpm} etter {minutes_between} min, begge på eller over "
        "grensen {pulse_high_bpm}",
        "Pulse {first_pulse_bpm} and then {pulse_bpm} after {minutes_between} min, both at or above "
        "the limit of {pulse_high_bpm}",
    ),
    "pulse-high-unconfirmed": Sentence(
        "Puls {pulse_bpm}, på eller over grensen {pulse_high_bpm}, ikke bekreftet: ny måling kom ikke "
        "i tide",
        "Pulse {pulse_bpm}, at or above the limit of {pulse_high_bpm}, not confirmed: no repeat came "
        "in time",
    ),
    "pulse-high-single": Sentence(
        "Puls {pulse_bpm}, på eller over {pulse_yellow_bpm} (rød grense {pulse_high_bpm})",
        "Pulse {pulse_bpm}, at or above {pulse_yellow_bpm} (red limit {pulse_high_bpm})",
    ),
    "respiratory-rate-low-confirmed": Sentence(
        "Pust {first_respiratory_rate_bpm} og så {respiratory_rate_bpm} per minutt etter "
        "{minutes_between} min, begge på eller under grensen {respiratory_rate_low_bpm}",
        "Breathing {first_respiratory_rate_bpm} and then {respiratory_rate_bpm} a minute after "
        "{minutes_between} min, both at or below the limit of {respiratory_rate_low_bpm}",
    ),
    "respiratory-rate-low-unconfirmed": Sentence(
        "Pust {respiratory_rate_bpm} per minutt, på eller under grensen {respiratory_rate_low_bpm}, "
        "ikke bekreftet: ny måling kom ikke i tide",
        "Breathing {respiratory_rate_bpm} a minute, at or below the limit of "
        "{respiratory_rate_low_bpm}, not confirmed: no repeat came in time",
    ),
    "respiratory-rate-high-confirmed": Sentence(
        "Pust {first_respiratory_rate_bpm} og så {respiratory_rate_bpm} per minutt etter "
        "{minutes_between} min, begge på eller over grensen {respiratory_rate_high_bpm}",
        "Breathing {first_respiratory_rate_bpm} and then {respiratory_rate_bpm} a minute after "
        "{minutes_between} min, both at or above the limit of {respiratory_rate_high_bpm}",
    ),
    "respiratory-rate-high-unconfirmed": Sentence(
        "Pust {respiratory_rate_bpm} per minutt, på eller over grensen {respiratory_rate_high_bpm}, "
        "ikke bekreftet: ny måling kom ikke i tide",
        "Breathing {respiratory_rate_bpm} a minute, at or above the limit of "
        "{respiratory_rate_high_bpm}, not confirmed: no repeat came in time",
    ),
    "respiratory-rate-high-single": Sentence(
        "Pust {respiratory_rate_bpm} per minutt, på eller over {respiratory_rate_yellow_bpm} (rød "
        "grense {respiratory_rate_high_bpm})",
        "Breathing {respiratory_rate_bpm} a minute, at or above {respiratory_rate_yellow_bpm} (red "
        "limit {respiratory_rate_high_bpm})",
    ),
    "consciousness": Sentence(
        "Ikke våken og klar: {consciousness} på ACVPU (våken er A)",
        "Not alert: {consciousness} on ACVPU (alert is A)",
    ),
    "call-button": Sentence(
        "Pasienten ringte, og ingen svarte innen {unanswered_s} s",
        "The patient called, and nobody answered within {unanswered_s} s",
    ),
    "cannot-measure": Sentence(
        "Får ikke målt: {failed_attempts} forsøk på rad uten godt signal (kalde hender, neglelakk eller "
        "dårlig blodomløp)",
        "Cannot measure: {failed_attempts} attempts in a row without a good signal (cold hands, nail "
        "polish or poor circulation)",
    ),
    "deterioration": Sentence(_WORSE_NB, _WORSE_EN),
    "deterioration-red": Sentence(_WORSE_NB + _AND_NB, _WORSE_EN + _AND_EN),
    "deterioration-at-once": Sentence(_ALL_NB, _ALL_EN),
    "deterioration-at-once-red": Sentence(_ALL_NB + _AND_NB, _ALL_EN + _AND_EN),
    "not-improving": Sentence(
        "Ikke bedre på dag {day} etter utskriving: {symptoms}; plager {burden} nå mot {first_burden} "
        "første dag (grense dag {by_day})",
        "Not better on day {day} after discharge: {symptoms}; burden {burden} now against "
        "{first_burden} on the first day (limit day {by_day})",
    ),
    "better-then-worse": Sentence(
        "Først bedre, så verre på dag {day} etter utskriving: {symptoms}; plager {first_burden}, så "
        "{best_burden}, nå {burden} (grense {worse_by} over beste dag)",
        "Better, then worse on day {day} after discharge: {symptoms}; burden {first_burden}, then "
        "{best_burden}, now {burden} (limit {worse_by} above the best day)",
    ),
    "fev1-fall": Sentence(
        "FEV₁ {fev1_l} L, ned {fall_l} L fra vanlig {fev1_mean_l} L (SD {fev1_sd_l} L) i {sessions} "
        "økter på rad, siste grad {grade} (grense {fev1_fall_l} L og {fev1_fall_sd} SD)",
        "FEV₁ {fev1_l} L, down {fall_l} L from the usual {fev1_mean_l} L (SD {fev1_sd_l} L) in "
        "{sessions} sessions in a row, the last graded {grade} (limit {fev1_fall_l} L and "
        "{fev1_fall_sd} SD)",
    ),
    "respiratory-rate-rise": Sentence(
        "Pust {respiratory_rate_bpm} per minutt i dag, opp {rise_bpm} fra vanlig (grense "
        "{rise_limit_bpm} to av tre dager eller {strong_rise_bpm} på én)",
        "Breathing {respiratory_rate_bpm} a minute today, up {rise_bpm} from the usual (limit "
        "{rise_limit_bpm} on two of three days or {strong_rise_bpm} on one)",
    ),
    "cat-rise": Sentence(
        "CAT {value}, opp fra {first} for {times}. gang på rad (grense {rise} poeng to ganger)",
        "CAT {value}, up from {first} for the {times}. time in a row (limit {rise} points twice)",
    ),
    "reliever-rise": Sentence(
        "Anfallsmedisin {value} doser i dag, opp fra {first} for {times}. gang på rad (grense {rise} "
        "doser to ganger)",
        "Reliever {value} doses today, up from {first} for the {times}. time in a row (limit {rise} "
        "doses twice)",
    ),
    "no-data": Sentence(
        "Ingen måling siden {last_arrival} (frist {deadline}); pasienten er påminnet",
        "No measurement since {last_arrival} (deadline {deadline}); the patient was reminded",
    ),
    "device": Sentence("Teknisk feil: {problem}", "Technical fault: {problem}"),
    "technical-battery-low": Sentence(
        "Lite strøm i en måler: nye batterier trengs", "A meter's battery is low: bring new ones"
    ),
    "technical-link-lost": Sentence(
        "Kofferten er ikke tilkoblet: strøm, bryter eller nett",
        "The suitcase is not connected: power, switch or network",
    ),
    "technical-wrong-clock": Sentence(
        "Koffertens klokke går feil: tidene er rettet",
        "The suitcase's clock is wrong: times are corrected",
    ),
    "technical-lost-transmissions": Sentence(
        "Sendinger fra kofferten har gått tapt", "Transmissions of the suitcase were lost"
    ),
    "technical-quarantined": Sentence(
        "Sendinger fra kofferten kan ikke leses", "Transmissions of the suitcase cannot be read"
    ),
    "technical-cloned-outbox": Sentence(
        "To kofferter sender som den samme: ring teknisk vakt",
        "Two suitcases send as one: call the engineer",
    ),
    "technical-cloned-identity": Sentence(
        "To maskiner bruker koffertens identitet: ring teknisk vakt",
        "Two machines use the suitcase's identity: call the engineer",
    ),
}

_LATE = Sentence("; målingen kom sent", "; the measurement came late")
_WORDS: dict[str, Sentence] = {
    "breathlessness_worse": Sentence("mer tungpust", "more breathless"),
    "sputum_more": Sentence("mer slim", "more sputum"),
    "sputum_colour": Sentence("gult eller grønt slim", "coloured sputum"),
    "cough": Sentence("hoste", "cough"),
    "wheeze": Sentence("piping", "wheeze"),
    "cold": Sentence("forkjølelse", "a cold"),
    "fever": Sentence("feber", "fever"),
    "spo2_low": Sentence("lav SpO₂", "low SpO₂"),
    "spo2_high_on_oxygen": Sentence("høy SpO₂ med oksygen", "high SpO₂ on oxygen"),
    "pulse_low": Sentence("lav puls", "low pulse"),
    "pulse_high": Sentence("høy puls", "high pulse"),
    "respiratory_rate_low": Sentence("langsom pust", "slow breathing"),
    "respiratory_rate_high": Sentence("rask pust", "fast breathing"),
    "fev1_fall": Sentence("fall i FEV₁", "a fall in FEV₁"),
    "respiratory_rate_rise": Sentence("raskere pust enn vanlig", "faster breathing than usual"),
    "cat_rise": Sentence("høyere CAT", "a higher CAT"),
    "reliever_rise": Sentence("mer anfallsmedisin", "more reliever"),
}


def sentences(finding: Finding, version: str, *, late: bool = False) -> tuple[str, str]:
    """The sentence of a finding in Norwegian and English, with rule and version."""
    late_nb, late_en = (_LATE.nb, _LATE.en) if late else ("", "")
    template = SENTENCES[finding.rule]
    named = finding.baseline | finding.limits | finding.inputs
    nb = {name: _shown(value, ",", "ukjent") for name, value in named.items()}
    en = {name: _shown(value, ".", "unknown") for name, value in named.items()}
    nb |= _listed(finding, 0, "ingen symptomer")
    en |= _listed(finding, 1, "no symptoms")
    return (
        f"{template.nb.format_map(nb)}{late_nb} (regel {finding.rule} {version}).",
        f"{template.en.format_map(en)}{late_en} (rule {finding.rule} {version}).",
    )


def _shown(value: Number, point: str, unknown: str) -> str:
    if value is None:
        return unknown
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".").replace(".", point)
    return str(value)


def _listed(finding: Finding, language: int, nothing: str) -> dict[str, str]:
    """The symptoms, and what made a trend red, as words."""

    def words(*fields: str) -> str:
        names = " ".join(str(finding.inputs.get(field) or "") for field in fields).split()
        return ", ".join(_WORDS[name][language] for name in names)

    return {"symptoms": words("symptoms") or nothing, "grounds": words("vitals_off", "support")}
