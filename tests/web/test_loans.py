"""Patients registered, suitcases lent, paused and taken back by web: one authority with the command line."""

import msgspec
import pytest

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.live import Mark
from koffert_hub.loans import LoanState
from koffert_hub.provisioning import fleet
from koffert_hub.provisioning.desired_state import desired
from koffert_hub.provisioning.fleet import BoxInfo, BoxState, Item
from koffert_hub.web.access_log import AccessLog, Action
from koffert_wire.wipe_report import WipeReport, loan_digest, sign_wipe
from tests.web.hub import Hub, place
from tests.web.office import BOX, LINK_KEY, Office

# Synthetic numbers: months above 80 name no one.
NUMBER = "01815012433"
OTHER_NUMBER = "02815012472"


@pytest.fixture(name="office")
def fixture_office(hub: Hub) -> Office:
    return Office(hub, BOX, "koffert-0002")


def _box(office: Office, device: str = BOX) -> BoxInfo:
    with reading(office.hub.engine) as connection:
        return fleet.describe(connection, device)


def _marks(office: Office) -> tuple[Mark, ...]:
    with reading(office.hub.engine) as connection:
        (one,) = registry.ward(connection)
    return one.marks


def _actions(office: Office, patient: str) -> list[Action]:
    log = AccessLog(office.hub.engine).latest(50, patient=patient, before=2**62)
    return [look.action for look in reversed(log) if look.action is not Action.SAW_PATIENT]


def _report(office: Office, loan: str) -> bytes:
    report = WipeReport(
        device=BOX,
        wiped_at_ms=office.hub.now_ms(),
        loans=(loan_digest(loan),),
        discarded={},
        unreadable=0,
        removed_files=3,
        removed_bytes=1000,
        markers=10,
        searched_bytes=100,
        found=(),
    )
    return msgspec.json.encode(sign_wipe(report, LINK_KEY))


def test_a_loan_from_registering_to_the_next_patient(office: Office) -> None:
    patient = office.register(birth_number="018150 12433", next_of_kin="Testpårørende, 00 00 00 00")
    assert office.lend(patient) == ""
    assert _box(office).state is BoxState.LENT
    office.post(f"/patients/{patient}/loan/step", step="end", reason="returned")
    assert office.url == f"/suitcases#{BOX}"
    assert _box(office).state is BoxState.RETURNED
    assert office.lend(office.register("Testpasient 2")) == "not-ready"
    by_hand = [item.value for item in Item if item is not Item.WIPED]
    office.post(f"/suitcases/{BOX}", done=by_hand)
    assert _box(office).open_items == [Item.WIPED]
    files = {"report": ("wipe.json", _report(office, _box(office).loan or ""))}
    answer = office.visitor.post(f"/suitcases/{BOX}", data={"csrf": office.csrf}, files=files)
    assert answer.headers["location"] == f"/suitcases#{BOX}"
    assert _box(office).state is BoxState.READY
    assert _actions(office, patient) == [Action.REGISTERED_PATIENT, Action.LENT, Action.ENDED_LOAN]


def test_a_suitcase_is_not_ready_on_a_persons_word_that_it_is_wiped(office: Office) -> None:
    patient = office.register()
    office.lend(patient)
    office.post(f"/patients/{patient}/loan/step", step="end")
    office.post(f"/suitcases/{BOX}", done=[item.value for item in Item])
    assert _box(office).open_items == [Item.WIPED]
    for content in (b"{}", _report(office, "l-other").replace(b"koffert-0001", b"koffert-0002")):
        files = {"report": ("wipe.json", content)}
        answer = office.visitor.post(f"/suitcases/{BOX}", data={"csrf": office.csrf}, files=files)
        assert answer.headers["location"].startswith("/suitcases?problem=report")
    assert 'role="alert"' in office.page("/suitcases?problem=report")


def test_nothing_is_lent_on_unsigned_rules(office: Office) -> None:
    office.hub.rules = None
    patient = office.register()
    assert office.lend(patient) == "rules"
    assert _box(office).state is BoxState.READY


def test_the_doctors_target_goes_with_the_loan_or_says_what_is_missing(office: Office) -> None:
    patient = office.register()
    target = {"target_low_pct": "88", "target_high_pct": "92", "spo2_scale": "2"}
    assert office.lend(patient, **target) == "doctor"
    assert office.lend(patient, doctor="Lege Test", target_low_pct="93", target_high_pct="92") == (
        "settings"
    )
    assert _box(office).state is BoxState.READY
    assert office.lend(patient, doctor="Lege Test", **target) == ""


def test_a_pause_silences_and_ends(office: Office) -> None:
    patient = office.register()
    office.lend(patient)
    step = f"/patients/{patient}/loan/step"
    office.post(step, step="resume")
    assert office.url.endswith("problem=state")
    office.post(step, step="pause")
    assert _box(office).loan_state is LoanState.PAUSED
    assert Mark.PAUSED in _marks(office)
    office.post(step, step="resume")
    assert _box(office).loan_state is LoanState.ACTIVE
    office.post(step, step="end", reason="dead")
    with reading(office.hub.engine) as connection:
        wanted = desired(connection, BOX)
    assert wanted is not None
    assert wanted.loan is None
    assert office.post(step, step="pause").status_code == 404


def test_values_are_unconfirmed_until_somebody_saw_who_measures(office: Office) -> None:
    patient = office.register(birth_number=NUMBER)
    office.lend(patient)
    assert _marks(office) == (Mark.UNCONFIRMED,)
    row = msgspec.structs.replace(
        place("Testpasient 1"), patient=patient, suitcase=BOX, marks=_marks(office)
    )
    office.hub.on_loop(lambda: office.hub.feed.set_patients([row], 0))
    for path in ("", "/readings", "/looks", "/call"):
        shown = office.page(f"/patients/{patient}{path}")
        assert "018150 12433" in shown, path
        assert BOX in shown, path
        assert f'action="/patients/{patient}/identity"' in shown, path
    office.post(f"/patients/{patient}/identity")
    assert f'action="/patients/{patient}/identity"' not in office.page(f"/patients/{patient}")
    assert _marks(office) == ()
    assert _actions(office, patient)[-1] is Action.CONFIRMED_IDENTITY


def test_a_mistyped_or_known_birth_number_is_noticed(office: Office) -> None:
    patient = office.register(birth_number=NUMBER)
    office.post("/patients", display_name="Testpasient 2", birth_number="01815012434")
    assert office.url == "/patients?problem=birth-number"
    office.post("/patients", display_name="Testpasient 2", birth_number=NUMBER)
    assert office.url == f"/patients?problem=known&known={patient}"
    assert f'href="/patients/{patient}/loan"' in office.page(office.url)
    other = office.register("Testpasient 2", birth_number=OTHER_NUMBER)
    person = f"/patients/{other}/person"
    office.post(person, display_name="Testpasient 2", birth_number=NUMBER)
    assert office.url.endswith("problem=known")
    office.post(person, display_name="Testpasient 22", birth_number=OTHER_NUMBER, phone="0")
    assert "Testpasient 22" in office.page("/patients")


def test_what_changed_is_on_record_without_the_values(office: Office) -> None:
    patient = office.register()
    office.post(f"/patients/{patient}/person", display_name="Testpasient 1", phone="00000000")
    (latest, *_) = AccessLog(office.hub.engine).latest(1, patient=patient, before=2**62)
    assert (latest.action, latest.detail) == (Action.CHANGED_PERSON, "phone")


def test_similar_names_are_flagged(office: Office) -> None:
    first = office.register("Testpasient Én")
    assert "≈" not in office.page(f"/patients/{first}/loan")
    second = office.register("Testpasient En")
    assert "Testpasient Én" in office.page(f"/patients/{second}/loan").partition("≈")[2]
    office.lend(first)
    office.lend(second, "koffert-0002")
    assert office.page("/patients").count("≈") == 2


def test_a_search_finds_by_name_number_and_suitcase(office: Office) -> None:
    patient = office.register("Testpasient Nord", birth_number=NUMBER)
    office.register("Testpasient Sør")
    office.lend(patient)
    for words in ("nord", "018150 12433", "0001", "TESTPASIENT nord"):
        shown = office.page(f"/patients?q={words}")
        assert "Testpasient Nord" in shown
        assert "Testpasient Sør" not in shown


def test_markup_in_every_field_stays_text(office: Office) -> None:
    evil = "<img src=x onerror=alert(1)>"
    patient = office.register(evil, phone=evil, next_of_kin=evil, ward=evil)
    for path in ("/patients", f"/patients/{patient}/loan"):
        assert "<img" not in office.page(path)


def test_nobody_is_lent_to_who_is_not_there(office: Office) -> None:
    assert office.post("/patients/p-0/loan", device=BOX, days="14").status_code == 404
    assert office.post("/patients/p-0/identity").status_code == 404
    assert office.post("/patients/p-0/person", display_name="x").status_code == 404
    assert office.visitor.get("/patients/p-0/loan").status_code == 404
    assert (
        office.post("/suitcases/koffert-9999", done=["cleaned"])
        .headers["location"]
        .startswith("/suitcases?problem=state")
    )
