"""One sentence for each rule, in bokmål, English and nynorsk: what was found, against which limit, by which rule.

Fields in braces are the finding's inputs, limits and baseline; a number keeps at most two decimals and gets
a decimal comma in Norwegian.
"""

from typing import NamedTuple

from koffert_hub.alerts.records import Alert, Finding, Number


class Sentence(NamedTuple):
    """A template in each language."""

    nb: str
    en: str
    nn: str


_DAYS = Sentence(
    "SpO₂ {spo2_pct} % og puls {pulse_bpm} i snitt i dag mot vanlig {spo2_mean_pct} og {pulse_mean_bpm}",
    "mean SpO₂ {spo2_pct} % and pulse {pulse_bpm} today against the usual {spo2_mean_pct} and "
    "{pulse_mean_bpm}",
    "SpO₂ {spo2_pct} % og puls {pulse_bpm} i snitt i dag mot vanleg {spo2_mean_pct} og {pulse_mean_bpm}",
)


def _with_days(nb: str, en: str, nn: str) -> Sentence:
    return Sentence(nb + _DAYS.nb, en + _DAYS.en, nn + _DAYS.nn)


def _and_grounds(of: Sentence) -> Sentence:
    return Sentence(
        of.nb + "; samtidig {grounds}",
        of.en + "; at the same time {grounds}",
        of.nn + "; samstundes {grounds}",
    )


_WORSE = _with_days(
    "Verre enn vanlig {bad_days} av siste {of_days} dager: {symptoms}; ",
    "Worse than usual on {bad_days} of the last {of_days} days: {symptoms}; ",
    "Verre enn vanleg {bad_days} av siste {of_days} dagar: {symptoms}; ",
)
_ALL = _with_days(
    "Alle tre hovedsymptomer i dag: {symptoms}; ",
    "All three main symptoms today: {symptoms}; ",
    "Alle tre hovudsymptom i dag: {symptoms}; ",
)

SENTENCES: dict[str, Sentence] = {
    "spo2-low-confirmed": Sentence(
        "SpO₂ {first_spo2_pct} % og så {spo2_pct} % etter {minutes_between} min, begge på eller under "
        "grensen {spo2_floor_pct} %",
        "SpO₂ {first_spo2_pct} % and then {spo2_pct} % after {minutes_between} min, both at or below "
        "the limit of {spo2_floor_pct} %",
        "SpO₂ {first_spo2_pct} % og så {spo2_pct} % etter {minutes_between} min, begge på eller "
        "under grensa {spo2_floor_pct} %",
    ),
    "spo2-low-unconfirmed": Sentence(
        "SpO₂ {spo2_pct} %, på eller under grensen {spo2_floor_pct} %, ikke bekreftet: ny måling kom "
        "ikke i tide",
        "SpO₂ {spo2_pct} %, at or below the limit of {spo2_floor_pct} %, not confirmed: no repeat came "
        "in time",
        "SpO₂ {spo2_pct} %, på eller under grensa {spo2_floor_pct} %, ikkje stadfesta: ny måling "
        "kom ikkje i tide",
    ),
    "spo2-low-single": Sentence(
        "SpO₂ {spo2_pct} %, på eller under {spo2_yellow_pct} % (rød grense {spo2_floor_pct} %)",
        "SpO₂ {spo2_pct} %, at or below {spo2_yellow_pct} % (red limit {spo2_floor_pct} %)",
        "SpO₂ {spo2_pct} %, på eller under {spo2_yellow_pct} % (raud grense {spo2_floor_pct} %)",
    ),
    "spo2-high-on-oxygen": Sentence(
        "SpO₂ {spo2_pct} % med oksygen, på eller over {spo2_high_on_oxygen_pct} %: kanskje for mye "
        "oksygen",
        "SpO₂ {spo2_pct} % on oxygen, at or above {spo2_high_on_oxygen_pct} %: perhaps too much oxygen",
        "SpO₂ {spo2_pct} % med oksygen, på eller over {spo2_high_on_oxygen_pct} %: kanskje for "
        "mykje oksygen",
    ),
    "pulse-low-confirmed": Sentence(
        "Puls {first_pulse_bpm} og så {pulse_bpm} etter {minutes_between} min, begge på eller under "
        "grensen {pulse_low_bpm}",
        "Pulse {first_pulse_bpm} and then {pulse_bpm} after {minutes_between} min, both at or below "
        "the limit of {pulse_low_bpm}",
        "Puls {first_pulse_bpm} og så {pulse_bpm} etter {minutes_between} min, begge på eller "
        "under grensa {pulse_low_bpm}",
    ),
    "pulse-low-unconfirmed": Sentence(
        "Puls {pulse_bpm}, på eller under grensen {pulse_low_bpm}, ikke bekreftet: ny måling kom ikke "
        "i tide",
        "Pulse {pulse_bpm}, at or below the limit of {pulse_low_bpm}, not confirmed: no repeat came in "
        "time",
        "Puls {pulse_bpm}, på eller under grensa {pulse_low_bpm}, ikkje stadfesta: ny måling kom "
        "ikkje i tide",
    ),
    "pulse-high-confirmed": Sentence(
        "Puls {first_pulse_bpm} og så {pulse_bpm} etter {minutes_between} min, begge på eller over "
        "grensen {pulse_high_bpm}",
        "Pulse {first_pulse_bpm} and then {pulse_bpm} after {minutes_between} min, both at or above "
        "the limit of {pulse_high_bpm}",
        "Puls {first_pulse_bpm} og så {pulse_bpm} etter {minutes_between} min, begge på eller "
        "over grensa {pulse_high_bpm}",
    ),
    "pulse-high-unconfirmed": Sentence(
        "Puls {pulse_bpm}, på eller over grensen {pulse_high_bpm}, ikke bekreftet: ny måling kom ikke "
        "i tide",
        "Pulse {pulse_bpm}, at or above the limit of {pulse_high_bpm}, not confirmed: no repeat came "
        "in time",
        "Puls {pulse_bpm}, på eller over grensa {pulse_high_bpm}, ikkje stadfesta: ny måling kom "
        "ikkje i tide",
    ),
    "pulse-high-single": Sentence(
        "Puls {pulse_bpm}, på eller over {pulse_yellow_bpm} (rød grense {pulse_high_bpm})",
        "Pulse {pulse_bpm}, at or above {pulse_yellow_bpm} (red limit {pulse_high_bpm})",
        "Puls {pulse_bpm}, på eller over {pulse_yellow_bpm} (raud grense {pulse_high_bpm})",
    ),
    "respiratory-rate-low-confirmed": Sentence(
        "Pust {first_respiratory_rate_bpm} og så {respiratory_rate_bpm} per minutt etter "
        "{minutes_between} min, begge på eller under grensen {respiratory_rate_low_bpm}",
        "Breathing {first_respiratory_rate_bpm} and then {respiratory_rate_bpm} a minute after "
        "{minutes_between} min, both at or below the limit of {respiratory_rate_low_bpm}",
        "Pust {first_respiratory_rate_bpm} og så {respiratory_rate_bpm} per minutt etter "
        "{minutes_between} min, begge på eller under grensa {respiratory_rate_low_bpm}",
    ),
    "respiratory-rate-low-unconfirmed": Sentence(
        "Pust {respiratory_rate_bpm} per minutt, på eller under grensen {respiratory_rate_low_bpm}, "
        "ikke bekreftet: ny måling kom ikke i tide",
        "Breathing {respiratory_rate_bpm} a minute, at or below the limit of "
        "{respiratory_rate_low_bpm}, not confirmed: no repeat came in time",
        "Pust {respiratory_rate_bpm} per minutt, på eller under grensa "
        "{respiratory_rate_low_bpm}, ikkje stadfesta: ny måling kom ikkje i tide",
    ),
    "respiratory-rate-high-confirmed": Sentence(
        "Pust {first_respiratory_rate_bpm} og så {respiratory_rate_bpm} per minutt etter "
        "{minutes_between} min, begge på eller over grensen {respiratory_rate_high_bpm}",
        "Breathing {first_respiratory_rate_bpm} and then {respiratory_rate_bpm} a minute after "
        "{minutes_between} min, both at or above the limit of {respiratory_rate_high_bpm}",
        "Pust {first_respiratory_rate_bpm} og så {respiratory_rate_bpm} per minutt etter "
        "{minutes_between} min, begge på eller over grensa {respiratory_rate_high_bpm}",
    ),
    "respiratory-rate-high-unconfirmed": Sentence(
        "Pust {respiratory_rate_bpm} per minutt, på eller over grensen {respiratory_rate_high_bpm}, "
        "ikke bekreftet: ny måling kom ikke i tide",
        "Breathing {respiratory_rate_bpm} a minute, at or above the limit of "
        "{respiratory_rate_high_bpm}, not confirmed: no repeat came in time",
        "Pust {respiratory_rate_bpm} per minutt, på eller over grensa "
        "{respiratory_rate_high_bpm}, ikkje stadfesta: ny måling kom ikkje i tide",
    ),
    "respiratory-rate-high-single": Sentence(
        "Pust {respiratory_rate_bpm} per minutt, på eller over {respiratory_rate_yellow_bpm} (rød "
        "grense {respiratory_rate_high_bpm})",
        "Breathing {respiratory_rate_bpm} a minute, at or above {respiratory_rate_yellow_bpm} (red "
        "limit {respiratory_rate_high_bpm})",
        "Pust {respiratory_rate_bpm} per minutt, på eller over {respiratory_rate_yellow_bpm} "
        "(raud grense {respiratory_rate_high_bpm})",
    ),
    "consciousness": Sentence(
        "Ikke våken og klar: {consciousness} på ACVPU (våken er A)",
        "Not alert: {consciousness} on ACVPU (alert is A)",
        "Ikkje vaken og klar: {consciousness} på ACVPU (vaken er A)",
    ),
    "call-button": Sentence(
        "Pasienten ringte, og ingen svarte innen {unanswered_s} s",
        "The patient called, and nobody answered within {unanswered_s} s",
        "Pasienten ringde, og ingen svara innan {unanswered_s} s",
    ),
    "cannot-measure": Sentence(
        "Får ikke målt: {failed_attempts} forsøk på rad uten godt signal (kalde hender, neglelakk eller "
        "dårlig blodomløp)",
        "Cannot measure: {failed_attempts} attempts in a row without a good signal (cold hands, nail "
        "polish or poor circulation)",
        "Får ikkje målt: {failed_attempts} forsøk på rad utan godt signal (kalde hender, "
        "naglelakk eller dårleg blodomlaup)",
    ),
    "deterioration": _WORSE,
    "deterioration-red": _and_grounds(_WORSE),
    "deterioration-at-once": _ALL,
    "deterioration-at-once-red": _and_grounds(_ALL),
    "not-improving": Sentence(
        "Ikke bedre på dag {day} etter utskriving: {symptoms}; plager {burden} nå mot {first_burden} "
        "første dag (grense dag {by_day})",
        "Not better on day {day} after discharge: {symptoms}; burden {burden} now against "
        "{first_burden} on the first day (limit day {by_day})",
        "Ikkje betre på dag {day} etter utskriving: {symptoms}; plager {burden} no mot "
        "{first_burden} første dag (grense dag {by_day})",
    ),
    "better-then-worse": Sentence(
        "Først bedre, så verre på dag {day} etter utskriving: {symptoms}; plager {first_burden}, så "
        "{best_burden}, nå {burden} (grense {worse_by} over beste dag)",
        "Better, then worse on day {day} after discharge: {symptoms}; burden {first_burden}, then "
        "{best_burden}, now {burden} (limit {worse_by} above the best day)",
        "Først betre, så verre på dag {day} etter utskriving: {symptoms}; plager {first_burden}, "
        "så {best_burden}, no {burden} (grense {worse_by} over beste dag)",
    ),
    "fev1-fall": Sentence(
        "FEV₁ {fev1_l} L, ned {fall_l} L fra vanlig {fev1_mean_l} L (SD {fev1_sd_l} L) i {sessions} "
        "økter på rad, siste grad {grade} (grense {fev1_fall_l} L og {fev1_fall_sd} SD)",
        "FEV₁ {fev1_l} L, down {fall_l} L from the usual {fev1_mean_l} L (SD {fev1_sd_l} L) in "
        "{sessions} sessions in a row, the last graded {grade} (limit {fev1_fall_l} L and "
        "{fev1_fall_sd} SD)",
        "FEV₁ {fev1_l} L, ned {fall_l} L frå vanleg {fev1_mean_l} L (SD {fev1_sd_l} L) i "
        "{sessions} økter på rad, siste grad {grade} (grense {fev1_fall_l} L og {fev1_fall_sd} "
        "SD)",
    ),
    "respiratory-rate-rise": Sentence(
        "Pust {respiratory_rate_bpm} per minutt i dag, opp {rise_bpm} fra vanlig (grense "
        "{rise_limit_bpm} to av tre dager eller {strong_rise_bpm} på én)",
        "Breathing {respiratory_rate_bpm} a minute today, up {rise_bpm} from the usual (limit "
        "{rise_limit_bpm} on two of three days or {strong_rise_bpm} on one)",
        "Pust {respiratory_rate_bpm} per minutt i dag, opp {rise_bpm} frå vanleg (grense "
        "{rise_limit_bpm} to av tre dagar eller {strong_rise_bpm} på éin)",
    ),
    "cat-rise": Sentence(
        "CAT {value}, opp fra {first} for {times}. gang på rad (grense {rise} poeng to ganger)",
        "CAT {value}, up from {first} for the {times}. time in a row (limit {rise} points twice)",
        "CAT {value}, opp frå {first} for {times}. gong på rad (grense {rise} poeng to gonger)",
    ),
    "reliever-rise": Sentence(
        "Anfallsmedisin {value} doser i dag, opp fra {first} for {times}. gang på rad (grense {rise} "
        "doser to ganger)",
        "Reliever {value} doses today, up from {first} for the {times}. time in a row (limit {rise} "
        "doses twice)",
        "Anfallsmedisin {value} dosar i dag, opp frå {first} for {times}. gong på rad (grense "
        "{rise} dosar to gonger)",
    ),
    "no-data": Sentence(
        "Ingen måling siden {last_arrival} (frist {deadline}); pasienten er påminnet",
        "No measurement since {last_arrival} (deadline {deadline}); the patient was reminded",
        "Inga måling sidan {last_arrival} (frist {deadline}); pasienten er påmint",
    ),
    "device": Sentence(
        "Teknisk feil: {problem}", "Technical fault: {problem}", "Teknisk feil: {problem}"
    ),
    "technical-battery-low": Sentence(
        "Lite strøm i en måler: nye batterier trengs",
        "A meter's battery is low: bring new ones",
        "Lite straum i ein målar: nye batteri trengst",
    ),
    "technical-link-lost": Sentence(
        "Kofferten er ikke tilkoblet: strøm, bryter eller nett",
        "The suitcase is not connected: power, switch or network",
        "Kofferten er ikkje tilkopla: straum, brytar eller nett",
    ),
    "technical-wrong-clock": Sentence(
        "Koffertens klokke går feil: tidene er rettet",
        "The suitcase's clock is wrong: times are corrected",
        "Klokka i kofferten går feil: tidene er retta",
    ),
    "technical-lost-transmissions": Sentence(
        "Sendinger fra kofferten har gått tapt",
        "Transmissions of the suitcase were lost",
        "Sendingar frå kofferten har gått tapt",
    ),
    "technical-quarantined": Sentence(
        "Sendinger fra kofferten kan ikke leses",
        "Transmissions of the suitcase cannot be read",
        "Sendingar frå kofferten kan ikkje lesast",
    ),
    "technical-cloned-outbox": Sentence(
        "To kofferter sender som den samme: ring teknisk vakt",
        "Two suitcases send as one: call the engineer",
        "To koffertar sender som den same: ring teknisk vakt",
    ),
    "technical-cloned-identity": Sentence(
        "To maskiner bruker koffertens identitet: ring teknisk vakt",
        "Two machines use the suitcase's identity: call the engineer",
        "To maskiner bruker identiteten til kofferten: ring teknisk vakt",
    ),
}

_LATE = Sentence("; målingen kom sent", "; the measurement came late", "; målinga kom seint")
_WORDS: dict[str, Sentence] = {
    "breathlessness_worse": Sentence("mer tungpust", "more breathless", "meir tungpust"),
    "sputum_more": Sentence("mer slim", "more sputum", "meir slim"),
    "sputum_colour": Sentence("gult eller grønt slim", "coloured sputum", "gult eller grønt slim"),
    "cough": Sentence("hoste", "cough", "hoste"),
    "wheeze": Sentence("piping", "wheeze", "piping"),
    "cold": Sentence("forkjølelse", "a cold", "forkjøling"),
    "fever": Sentence("feber", "fever", "feber"),
    "spo2_low": Sentence("lav SpO₂", "low SpO₂", "låg SpO₂"),
    "spo2_high_on_oxygen": Sentence(
        "høy SpO₂ med oksygen", "high SpO₂ on oxygen", "høg SpO₂ med oksygen"
    ),
    "pulse_low": Sentence("lav puls", "low pulse", "låg puls"),
    "pulse_high": Sentence("høy puls", "high pulse", "høg puls"),
    "respiratory_rate_low": Sentence("langsom pust", "slow breathing", "langsam pust"),
    "respiratory_rate_high": Sentence("rask pust", "fast breathing", "rask pust"),
    "fev1_fall": Sentence("fall i FEV₁", "a fall in FEV₁", "fall i FEV₁"),
    "respiratory_rate_rise": Sentence(
        "raskere pust enn vanlig", "faster breathing than usual", "raskare pust enn vanleg"
    ),
    "cat_rise": Sentence("høyere CAT", "a higher CAT", "høgare CAT"),
    "reliever_rise": Sentence("mer anfallsmedisin", "more reliever", "meir anfallsmedisin"),
}


def sentences(finding: Finding, version: str, *, late: bool = False) -> tuple[str, str]:
    """The sentence of a finding in Norwegian (bokmål) and English, with rule and version: what an alert holds."""
    return _said(finding, 0, version, late=late), _said(finding, 1, version, late=late)


def in_nynorsk(alert: Alert) -> str:
    """An alert's sentence in nynorsk, from what it rests on; in bokmål where the rule is of another time."""
    if alert.rule not in SENTENCES:
        return alert.text_nb
    finding = Finding(alert.rule, alert.inputs, alert.limits, baseline=alert.baseline)
    try:
        return _said(finding, 2, alert.version, late=alert.late)
    except KeyError:
        return alert.text_nb


def without_rule(text: str, alert: Alert) -> str:
    """The sentence of an alert without the rule that ends it."""
    for rule in _RULE:
        text = text.removesuffix(_ending(rule, alert.rule, alert.version))
    return text


# In the order of a Sentence.
_POINT = (",", ".", ",")
_UNKNOWN = ("ukjent", "unknown", "ukjent")
_NO_SYMPTOMS = ("ingen symptomer", "no symptoms", "ingen symptom")
_RULE = ("regel", "rule", "regel")


def _said(finding: Finding, language: int, version: str, *, late: bool) -> str:
    named = finding.baseline | finding.limits | finding.inputs
    words = {
        name: _shown(value, _POINT[language], _UNKNOWN[language]) for name, value in named.items()
    }
    words |= _listed(finding, language, _NO_SYMPTOMS[language])
    sentence = SENTENCES[finding.rule][language].format_map(words)
    came_late = _LATE[language] if late else ""
    return f"{sentence}{came_late}{_ending(_RULE[language], finding.rule, version)}"


def _ending(word: str, rule: str, version: str) -> str:
    return f" ({word} {rule} {version})."


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
