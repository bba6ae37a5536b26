"""The self-management plan, and the summary of a loan."""

import sqlalchemy as sa

from koffert_hub.database import reading
from koffert_hub.provisioning.desired_state import Desired, desired
from koffert_hub.provisioning.reactions import as_command
from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from koffert_wire.commands import MOST_PLAN_CHARACTERS, SelfPlan, decode_command, encode_command
from tests.web.hub import Hub, client
from tests.web.office import BOX, Office

PLAN = {"green": "Går tur.", "yellow": "Mer tungpust: <b>hvil</b>.", "red": "Ring oss."}


def _wanted(hub: Hub) -> Desired:
    with reading(hub.engine) as connection:
        found = desired(connection, BOX)
    assert found is not None
    return found


def test_the_plan_goes_to_the_box_that_the_patient_has_now_and_to_the_next(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    zones = f"/patients/{patient}/zones"
    office.post(zones, **PLAN)
    office.lend(patient)
    wanted = _wanted(hub)
    command = decode_command(encode_command(as_command(wanted)))
    assert command == as_command(wanted)
    assert as_command(wanted).plan == SelfPlan(**PLAN)
    office.post(zones, **PLAN | {"green": "Går langt."})
    newer = as_command(_wanted(hub))
    assert newer.revision > wanted.revision
    assert newer.plan == SelfPlan(**PLAN | {"green": "Går langt."})
    shown = office.page(zones)
    assert "<b>" not in shown
    assert shown.count("Sykepleier Test") >= 2  # who wrote the plan, and the one before it
    office.post(f"/patients/{patient}/loan/step", step="end")
    assert as_command(_wanted(hub)).plan is None


def test_a_plan_has_three_zones_that_fit_a_screen(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    for zone in ({"red": ""}, {"red": " "}, {"green": "x" * (MOST_PLAN_CHARACTERS + 1)}):
        assert office.post(f"/patients/{patient}/zones", **PLAN | zone).status_code == 422
    assert office.post("/patients/p-0/zones", **PLAN).status_code == 404


def test_the_summary_holds_the_loan_and_is_on_record(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register(birth_number="01815012433")
    assert office.visitor.get(f"/patients/{patient}/summary").status_code == 404
    office.post(f"/patients/{patient}/zones", **PLAN)
    office.lend(patient)
    now_ms = hub.now_ms()
    values = [(now_ms - 2000, 88.0), (now_ms - 1000, 92.0)]
    hub.store_of(patient, [(at, {"spo2_pct": spo2}) for at, spo2 in values])
    shown = office.page(f"/patients/{patient}/summary")
    assert "018150 12433" in shown
    assert "88 – 90 – 92" in shown
    assert "Ring oss." in shown
    (latest, *_) = AccessLog(hub.engine).latest(1, patient=patient, before=2**62)
    assert latest.action is Action.PRINTED_SUMMARY
    office.post(f"/patients/{patient}/loan/step", step="end")
    assert "lånet varer" not in client(hub, Role.DOCTOR).get(f"/patients/{patient}/summary").text


def test_every_plan_is_kept(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    for _ in range(2):
        office.post(f"/patients/{patient}/zones", **PLAN)
    with reading(hub.engine) as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM self_plan")).scalar_one() == 2
