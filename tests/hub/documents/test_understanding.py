"""Whose still it is, and what is kept of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_drivers.stills.errors import StillError
from koffert_drivers.stills.records import NO_SAMPLE, Lead, PatientIdentity
from koffert_hub.documents.records import Reason, State
from koffert_hub.documents.signals import pack_leads, unpack_leads
from koffert_hub.documents.understanding import Known, names_another, understand
from tests.drivers.stills.samples import tiff


@pytest.mark.parametrize(
    ("family", "given_name", "person", "another"),
    [
        ("Nordmann", "Ola", "Ola Nordmann", False),
        ("NORDMANN", "OLA", "Nordmann, Ola", False),
        ("Nordmann", "Ola Petter", "Ola Nordmann", False),
        ("Nordmann", "", "Ola Nordmann", False),
        ("AAS", "BJOERN", "Bjørn Ås", False),
        ("Saether", "Andre", "André Sæther", False),
        ("Berg-Hansen", "Kari", "Kari Berg Hansen", False),
        ("NORDMANN^OLA", "", "Ola Nordmann", False),
        ("", "", "Ola Nordmann", False),
        ("Nordmann", "Ola", "", False),
        ("Nordmann", "Kari", "Ola Nordmann", True),
        ("Hansen", "Ola", "Ola Nordmann", True),
        ("Clark", "", "Testpasient 1", True),
    ],
)
def test_whom_a_still_names(family: str, given_name: str, person: str, another: bool) -> None:  # noqa: FBT001 - a table
    identity = PatientIdentity(family_name=family, given_name=given_name)
    assert names_another(identity, Known(person)) is another


@pytest.mark.parametrize(
    ("patient_id", "another"),
    [
        ("01815012433", False),
        ("018150 12433", False),
        ("01815012514", True),
        ("T-1", True),
        ("", True),
        ("01815012434", True),
    ],
)
def test_a_birth_number_decides_before_a_name(patient_id: str, *, another: bool) -> None:
    identity = PatientIdentity(patient_id=patient_id, family_name="Nordmann")
    assert names_another(identity, Known("Testpasient 1", "01815012433")) is another
    assert names_another(identity, Known("Testpasient 1"))


@given(
    st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50), max_size=4),
    st.floats(0.001, 10),
)
def test_leads_come_back_as_they_were(samples: list[list[int]], gain_uv: float) -> None:
    leads = tuple(
        Lead(f"V{number}", np.array(each, dtype=np.int32), gain_uv, 0.5 * number, bool(number))
        for number, each in enumerate(samples)
    )
    back = unpack_leads(pack_leads(leads))
    assert [lead.samples.tolist() for lead in back] == samples
    assert [(b.name, b.gain_uv, b.start_s, b.derived) for b in back] == [
        (lead.name, lead.gain_uv, lead.start_s, lead.derived) for lead in leads
    ]
    assert not any(lead.samples.flags.writeable for lead in back)


def test_a_gap_stays_a_gap() -> None:
    lead = Lead("I", np.array([1, NO_SAMPLE, 2], dtype=np.int32), 2.5)
    (back,) = unpack_leads(pack_leads((lead,)))
    assert np.isnan(back.microvolts()).tolist() == [False, True, False]


def test_pages_are_filed_unread() -> None:
    found = understand(tiff(2), Known("Testpasient 1"))
    assert found.summary is not None
    assert (found.state, found.summary.pages, found.leads) == (State.FILED, 2, None)


def test_each_reason_of_the_readers_is_known() -> None:
    reasons = {error.reason for error in StillError.__subclasses__()}
    assert reasons <= set(Reason)


def test_a_reader_that_fails_stops_nothing_and_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("koffert_hub.documents.understanding.read_document", _fails)
    assert understand(b"NORDMANN", None) == (State.FILED, Reason.READER_FAILED, None, None)
    assert "KeyError" in caplog.text
    assert "NORDMANN" not in caplog.text


def _fails(content: bytes) -> None:
    raise KeyError(content)
