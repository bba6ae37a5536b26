"""A doctor signs the rules and sets a patient's limits, as commands; no loan goes out before."""

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from koffert_cli.main import main
from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.log_record import Event, LogRecord, decode_record
from koffert_hub.provisioning.tokens import announce, mint, redeem
from koffert_hub.transmission_log import rows_after
from tests.hub.provisioning.box import NewBox
from tests.hub.provisioning.site import RULES, ProvisioningSite

BOX = "koffert-0001"
DOCTOR = ("--doctor", "Testlege 1")
RETAINER = ("--target-low", "88", "--target-high", "92", "--scale", "2")


class Centre:
    """A hub with one box that is ready and one patient; its commands run in this process."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        now = datetime.now(UTC)
        self.site = ProvisioningSite(folder, now)
        self.rules = folder / RULES.name
        self._capfd = capfd
        self.error: Any = None
        with self.site.engine.begin() as connection:
            centre = self.site.centre
            announce(connection, BOX, centre=centre, label="", now=now)
            token = mint(connection, BOX, now=now)
            redeem(connection, self.site.pki.authority(), token, NewBox().key.public_key(), now)
            self.patient = registry.create_patient(connection, centre, "Testpasient 1", now_ms=0)

    def __call__(self, *arguments: str, exit_code: int = 0) -> Any:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(self.site.config), "--json"])
        printed, error = self._capfd.readouterr()
        assert ended.value.code == exit_code, error
        self.error = json.loads(error.splitlines()[-1]) if exit_code else None
        return json.loads(printed) if printed else None

    def settings(self, *options: str, exit_code: int = 0) -> Any:
        """`koffert hub patient settings`."""
        return self("hub", "patient", "settings", self.patient, *options, exit_code=exit_code)

    def lend(self, *options: str, exit_code: int = 0) -> Any:
        """`koffert device lend`."""
        return self("device", "lend", BOX, "--patient", self.patient, *options, exit_code=exit_code)

    def records(self) -> list[LogRecord]:
        """The log."""
        with reading(self.site.engine) as connection:
            return [decode_record(row.record) for row in rows_after(connection, 0)]


@pytest.fixture(name="centre")
def fixture_centre(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Centre]:
    centre = Centre(tmp_path, capfd)
    yield centre
    centre.site.engine.dispose()


def test_unsigned_rules_lend_nothing_until_a_doctor_signs(centre: Centre) -> None:
    centre.rules.write_text(centre.rules.read_text().replace("floor_pct = 87", "floor_pct = 86"))
    centre.lend(exit_code=2)
    assert "signed" in centre.error["error"]
    assert "rules sign" in centre.error["next_step"]
    assert centre("device", "show", BOX)["state"] == "ready"
    signed = centre("alert", "rules", "sign", "--doctor", "Testlege 2")
    assert [one["doctor"] for one in signed["signatures"]] == ["Testlege 2"]
    assert centre.lend()["state"] == "lent"
    logged = [one.detail for one in centre.records() if one.event is Event.RULES][-1]
    assert logged is not None
    assert signed["digest"] in logged


def test_a_hub_that_judges_nothing_lends_nothing(centre: Centre) -> None:
    config = centre.site.config
    config.write_text(config.read_text().partition("[alerts]")[0])
    centre.lend(exit_code=2)
    centre("alert", "rules", "sign", *DOCTOR, exit_code=2)
    assert "[alerts]" in centre.error["next_step"]


def test_a_signature_has_a_name(centre: Centre) -> None:
    centre("alert", "rules", "sign", "--doctor", " ", exit_code=2)


def test_the_doctor_sets_and_anyone_at_the_hub_sees(centre: Centre) -> None:
    assert centre.settings()["spo2_scale"] == 1
    more = ("--oxygen", "--spo2-floor", "83")
    after = centre.settings(*RETAINER, *more, *DOCTOR)
    assert after == centre.settings()
    assert (after["spo2_scale"], after["on_oxygen"]) == (2, True)
    assert (after["target_low_pct"], after["target_high_pct"]) == (88, 92)
    assert after["limits"]["spo2_floor_pct"] == 83
    assert centre.settings("--no-oxygen", *DOCTOR)["on_oxygen"] is False
    (first, _) = [one for one in centre.records() if one.event is Event.SETTINGS]
    assert first.patient == centre.patient
    assert "Testlege" not in repr(first)


def test_all_limits_are_set_taken_back_and_remembered(centre: Centre) -> None:
    limits = ("--pulse-low", "45", "--pulse-high", "125", "--respiratory-high", "28")
    usual = ("--usual-spo2", "90", "1.5", "--usual-fev1", "1.2", "0.1")
    after = centre.settings(*limits, *usual, "--discharged", "2026-11-20", *DOCTOR)
    assert after["limits"]["pulse_low_bpm"] == 45
    assert after["limits"]["respiratory_rate_high_bpm"] == 28
    assert (after["baseline"]["fev1_mean_l"], after["baseline"]["fev1_sd_l"]) == (1.2, 0.1)
    assert after["discharged_ms"] == 1_795_129_200_000
    after = centre.settings("--clear", "pulse_low_bpm", *DOCTOR)
    assert after["limits"]["pulse_low_bpm"] is None
    (last, first) = centre.settings("--history")
    assert (last["doctor"], last["changed"]) == ("Testlege 1", {"pulse_low_bpm": [45, None]})
    assert first["changed"]["pulse_high_bpm"] == [None, 125]


def test_what_is_refused_changes_nothing(centre: Centre) -> None:
    centre.settings(*RETAINER, exit_code=2)
    assert "doctor" in centre.error["error"]
    centre.settings("--target-low", "92", "--target-high", "88", *DOCTOR, exit_code=2)
    centre.settings("--scale", "3", *DOCTOR, exit_code=2)
    centre.settings("--pulse-high", "12", *DOCTOR, exit_code=2)
    centre.settings("--spo2-floor", "nan", *DOCTOR, exit_code=2)
    centre("hub", "patient", "settings", "p-nobody", *RETAINER, *DOCTOR, exit_code=2)
    centre("hub", "patient", "settings", "p-nobody", exit_code=2)
    assert centre.settings()["spo2_scale"] == 1


def test_a_loan_goes_out_with_its_target_or_not_at_all(centre: Centre) -> None:
    centre.lend(*RETAINER, exit_code=2)
    assert centre("device", "show", BOX)["state"] == "ready"
    centre.lend(*RETAINER, *DOCTOR)
    assert centre.settings()["spo2_scale"] == 2


def test_a_loan_without_a_target_settles_the_defaults(centre: Centre) -> None:
    centre.lend()
    (record,) = [one for one in centre.records() if one.event is Event.SETTINGS]
    assert (record.patient, record.detail) == (centre.patient, "defaults")


def test_a_doctor_with_an_account_signs_with_the_own_password(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    with centre.site.engine.begin() as connection:
        registry.create_user(
            connection, "lege", "right password", registry.Role.DOCTOR, "Testlege 3"
        )
        registry.create_user(
            connection, "pleier", "right password", registry.Role.NURSE, "Testpleier"
        )
    sign = ("alert", "rules", "sign", "--doctor")
    for name in ("Testpleier", "Testlege 4"):
        centre(*sign, name, exit_code=2)
        assert "no doctor's account" in centre.error["error"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("wrong\n"))
    centre(*sign, "lege", exit_code=2)
    assert "not the password" in centre.error["error"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("right password\n"))
    assert centre(*sign, "lege")["signatures"][-1]["doctor"] == "Testlege 3"
    assert centre.lend()["state"] == "lent"
    proofs = [
        (one.detail or "").split()[-1] for one in centre.records() if one.event is Event.RULES
    ]
    assert proofs[-1] == "own-password"


def test_who_signs_for_a_doctor_is_in_the_log(centre: Centre) -> None:
    with centre.site.engine.begin() as connection:
        registry.create_user(
            connection, "lege", "right password", registry.Role.DOCTOR, "Testlege 3"
        )
    centre("alert", "rules", "sign", "--doctor", "lege", "--vouched")
    *_, last = [one for one in centre.records() if one.event is Event.RULES]
    assert (last.detail or "").split()[-1].startswith("vouched-by-s-")
    assert centre.lend()["state"] == "lent"
