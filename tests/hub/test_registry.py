"""Centres, patients, devices, loans and users."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from koffert_hub import registry, tables
from koffert_hub.database import reading
from koffert_hub.loans import RULES, LoanAction, LoanState, WrongLoanState, next_state
from koffert_hub.migrations.all_tables import metadata
from koffert_hub.registry import RegistryError, Role
from tests.hub.kit import SIGNED, Store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture


@pytest.mark.parametrize("name", ["hub", "Box-1", "a/b", "+", ""])
def test_a_device_needs_a_name_that_fits_the_broker(store: Store, name: str) -> None:
    with store.engine.begin() as connection, pytest.raises(RegistryError):
        registry.create_device(connection, name, bytes(32), centre=store.centre, now_ms=0)


def test_a_link_key_has_32_bytes(store: Store) -> None:
    with store.engine.begin() as connection, pytest.raises(RegistryError):
        registry.create_device(connection, "box-1", bytes(31), centre=store.centre, now_ms=0)


def test_one_open_loan_for_each_box_and_patient(store: Store) -> None:
    box = store.box()
    assert box.loan is not None
    with store.engine.begin() as connection:
        other = registry.create_patient(connection, store.centre, "Testpasient 2", now_ms=0)
        with pytest.raises(RegistryError):
            registry.start_loan(connection, other, "box-1", rules=SIGNED, now_ms=0)
        registry.change_loan(connection, box.loan, LoanAction.PAUSE)
        with pytest.raises(RegistryError):
            registry.start_loan(connection, other, "box-1", rules=SIGNED, now_ms=0)
        registry.end_loan(connection, box.loan, now_ms=0)
        with pytest.raises(WrongLoanState):
            registry.end_loan(connection, box.loan, now_ms=0)
        registry.start_loan(connection, other, "box-1", rules=SIGNED, now_ms=0)
        assert [place.display_name for place in registry.ward(connection)] == ["Testpasient 2"]


@given(st.lists(st.sampled_from(LoanAction)))
def test_an_ended_loan_stays_ended_and_measures_nothing(actions: list[LoanAction]) -> None:
    state, ended = LoanState.PLANNED, False
    for action in actions:
        try:
            state = next_state(state, action)
        except WrongLoanState:
            continue
        assert not ended
        ended = state is LoanState.ENDED
    assert RULES[state].measures == (state is LoanState.ACTIVE)


def test_a_password_is_checked_and_never_stored(store: Store) -> None:
    with store.engine.begin() as connection:
        registry.create_user(connection, "kari", "riktig hest", Role.NURSE, "Kari")
    with reading(store.engine) as connection:
        user = registry.verify_user(connection, "kari", "riktig hest")
        assert user is not None
        assert user.role is Role.NURSE
        assert registry.verify_user(connection, "kari", "feil") is None
        assert registry.verify_user(connection, "ola", "riktig hest") is None
        row = connection.execute(sa.select(tables.user)).one()
    assert "riktig hest" not in str(row)


def test_patients_names_stand_in_one_table() -> None:
    """Where a user name stands beside it, the name is that of one of the staff who wrote the row.

    A doctor wrote a `patient_card`.
    """
    named = {
        table.name
        for table in metadata.sorted_tables
        if {"patient", "display_name"} <= set(table.columns.keys())
        and "username" not in table.columns
    }
    assert named == {"person", "patient_card"}
