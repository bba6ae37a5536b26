"""The nurse writes to the patient's screen."""

from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from koffert_wire.commands import MOST_NURSE_CHARACTERS
from tests.web.hub import Hub, client
from tests.web.office import Office


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
