"""The nurse writes to the patient's screen."""

from koffert_hub.at_home import AtHome, agree
from koffert_hub.live import LiveRow, Mark
from koffert_hub.registry import Role, ward
from koffert_hub.web.access_log import AccessLog, Action
from koffert_wire.commands import MOST_NURSE_CHARACTERS
from tests.web.hub import Hub, client
from tests.web.office import BOX, Office


def test_a_message_is_sent_seen_unread_and_on_record(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    address = f"/api/v1/patients/{patient}/messages"
    assert office.post(address, text="Hei.").status_code == 409  # no box yet
    office.lend(patient)
    answer = office.post(address, text="  Husk å måle i dag. ")
    assert answer.status_code == 201
    [message] = office.visitor.get(address).json()
    assert message["id"] == answer.json()["id"]
    assert message["text"] == "Husk å måle i dag."
    assert (message["display_name"], message["read_ms"]) == ("Sykepleier Test", None)
    (latest, *_) = AccessLog(hub.engine).latest(1, patient=patient, before=2**62)
    assert latest.action is Action.WROTE_TO_PATIENT


def test_what_is_empty_too_long_or_not_a_nurses_is_refused(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    office.lend(patient)
    address = f"/api/v1/patients/{patient}/messages"
    for text in ("", "  ", "x" * (MOST_NURSE_CHARACTERS + 1)):
        assert office.post(address, text=text).status_code == 422
    assert client(hub, Role.AMK).get(address).status_code == 403


def test_a_reminder_is_in_the_patients_language_and_marks_the_row(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    address = f"/api/v1/patients/{patient}"
    assert office.post(f"{address}/reminder").status_code == 409  # no box yet
    office.lend(patient)
    for language, begins in (
        (None, "Hei. Vi har ikke"),
        ("nn", "Hei. Vi har ikkje"),
        ("en", "Hell"),
    ):
        with hub.engine.begin() as connection:
            agree(connection, patient, AtHome(language), "Lege Test", now_ms=hub.now_ms())
        assert office.post(f"{address}/reminder").status_code == 201
        newest = office.visitor.get(f"{address}/messages").json()[0]
        assert newest["text"].startswith(begins)
        assert len(newest["text"]) <= MOST_NURSE_CHARACTERS
    with hub.engine.connect() as connection:
        assert Mark.UNREAD in ward(connection)[0].marks


def test_the_form_of_the_page_says_when_nothing_was_sent(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    hub.on_loop(
        lambda: hub.feed.set_patients(
            [LiveRow(patient=patient, display_name="Testpasient 1", suitcase=BOX)], 0
        )
    )
    path = f"/patients/{patient}"
    office.post(f"{path}/messages", text="Hei")
    assert "Meldingen ble ikke sendt" in office.page(office.url)
    office.lend(patient)
    office.post(f"{path}/messages", text="<b>Hei</b>")
    assert office.url == path
    assert "&lt;b&gt;Hei" in office.page(path)
    assert "ikke lest ennå" in office.page(path)
