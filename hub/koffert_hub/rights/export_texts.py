"""The page that opens a copy of a record: what each file holds, in the patient's language."""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

_OSLO = ZoneInfo("Europe/Oslo")
# What each file holds, in bokmål; the patient reads this page, not the files' headers.
_HOLDS = {
    "patient.json": "Hvem journalen gjelder (FHIR Patient)",
    "observations.ndjson": "Alle målinger, én per linje (FHIR Observation)",
    "readings.csv": "Alle målinger som regneark; «counts» er «no» der noen har strøket målingen",
    "messages.jsonl": "Alt kofferten sendte, slik det ble sendt: dagbok, pusteprøver, anrop, kurver",
    "documents.csv": "Dokumenter, for eksempel EKG; filene ligger i mappen documents",
    "sent-documents.csv": "Hvilke EKG som er sendt til en annen enhet, og hvem som tok imot dem",
    "loans.csv": "Når du har hatt koffert",
    "identity-checks.csv": "Hvem som så at du var du",
    "checklists.csv": "Hva som ble gjort med kofferten etter deg",
    "alerts.csv": "Varsler, hvorfor de kom, og hvem som tok dem",
    "alert-steps.csv": "Hva som ble gjort med hvert varsel, med notater",
    "alert-notices.csv": "Hvem som ble varslet",
    "settings.csv": "Grensene legen har satt",
    "cards.csv": "Avdeling og kontakt i planen din",
    "notes.csv": "Notater",
    "plans.csv": "Egenbehandlingsplanen din, med det som sto før",
    "planned-visits.csv": "Planlagte videobesøk, med dem som ble flyttet, avlyst og holdt",
    "at-home.csv": "Når du måler hjemme, og språket på kofferten",
    "messages-to-the-patient.csv": "Meldinger fra sykepleierne til skjermen din, og når de ble lest",
    "entered-by-hand.csv": "Hvem som skrev inn målinger for hånd",
    "struck-readings.csv": "Målinger som ikke teller, og hvem som strøk dem",
    "build.csv": "Kjønn, fødselsdato og høyde brukt til referanseverdier",
    "consents.csv": "Samtykker, med teksten de gjelder",
    "person-changes.csv": "Rettelser av navn, fødselsnummer og kontakt, med det som sto før",
    "record-states.csv": "Når journalen er sperret, lukket eller åpnet, og hvorfor",
    "who-looked.csv": "Hvem som har sett i journalen, når, og hva",
    "log.jsonl": "Loggen over alle sendinger som gjelder deg, uten måleverdier",
}


def index_text(parts: Mapping[str, int], at: datetime) -> str:
    """The page, in HTML; `parts` says how many lines each file holds."""
    rows = "".join(
        f'<tr><td><a href="{name}">{name}</a></td><td>{escape(_HOLDS[name])}</td>'
        f"<td>{count}</td></tr>\n"
        for name, count in parts.items()
    )
    return f"""<!doctype html>
<html lang="nb"><head><meta charset="utf-8"><title>Kopi av journal</title>
<style>body{{font:1.1em sans-serif;margin:2em;max-width:60em}}td,th{{text-align:left;padding:.3em 1em .3em 0;
vertical-align:top}}td:last-child,th:last-child{{text-align:right}}</style></head><body>
<h1>Kopi av journalen i Koffert</h1>
<p>Tatt ut {at.astimezone(_OSLO):%d.%m.%Y kl. %H:%M}. Tider i filene er i UTC: én time bak norsk vintertid, to timer
bak sommertid. Filer som slutter på .csv åpnes i et regneark.</p>
<table><thead><tr><th>Fil</th><th>Innhold</th><th>Linjer</th></tr></thead><tbody>
{rows}</tbody></table>
<p>Oppbevar kopien trygt: den er dine helseopplysninger.</p>
</body></html>
"""
