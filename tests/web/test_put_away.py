"""A restricted record is shown on no page; lending its patient's suitcase back still works."""

from koffert_hub.registry import Role
from koffert_hub.rights.tables import record_state
from tests.web.hub import Hub, client
from tests.web.lent import lent


def test_a_restricted_record_is_on_no_page(hub: Hub) -> None:
    doctor = client(hub, Role.DOCTOR)
    with lent(hub) as one:
        page = f"/patients/{one.patient}"
        paths = [f"{page}/plan", f"{page}/readings", f"{page}/documents"]
        assert {doctor.get(path).status_code for path in paths} == {200}
        ward = f"/api/v1/ward/trends?patient={one.patient}"
        assert set(doctor.get(ward).json()["trends"]) == {one.patient}
        with hub.engine.begin() as connection:
            connection.execute(
                record_state.insert().values(
                    patient=one.patient, at_ms=0, by="lege", state="restricted", reason="asked"
                )
            )
        trend = f"/api/v1{page}/trend?quantity=spo2_pct&start_ms=0&end_ms=1"
        assert {doctor.get(path).status_code for path in [*paths, page, trend]} == {403}
        assert doctor.get(ward).json() == {"trends": {}}
        assert doctor.get(f"{page}/loan").status_code == 200
