"""A box goes from hand to hand, and never to the next patient before it is ready."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from koffert_hub import registry
from koffert_hub.database import reading
from koffert_hub.loans import EndReason
from koffert_hub.provisioning import fleet
from koffert_hub.provisioning.desired_state import desired, note_applied, unfollowed
from koffert_hub.provisioning.fleet import BoxInfo, BoxState, Item
from koffert_hub.provisioning.tokens import announce, mint, redeem
from koffert_hub.provisioning.wiping import accept_wipe
from koffert_hub.registry import RegistryError
from koffert_hub.technical_alerts import Cause, open_alerts
from koffert_hub.times import to_ms
from koffert_wire.topics import Lane
from koffert_wire.wipe_report import SignedWipe, WipeReport, loan_digest, sign_wipe
from tests.hub.kit import SIGNED
from tests.hub.provisioning.box import NewBox
from tests.hub.provisioning.site import NOW, ProvisioningSite

BOX = "koffert-0001"
BY_HAND = [item for item in Item if item is not Item.WIPED]


class Depot:
    """Boxes and patients of one centre."""

    def __init__(self, folder: Path) -> None:
        self.site = ProvisioningSite(folder)
        self.now = NOW
        with self.site.engine.begin() as connection:
            announce(connection, BOX, centre=self.site.centre, label="blue", now=NOW)

    def enrol(self) -> None:
        key = NewBox().key.public_key()
        with self.site.engine.begin() as connection:
            token = mint(connection, BOX, now=NOW)
            redeem(connection, self.site.pki.authority(), token, key, NOW)

    def patient(self) -> str:
        with self.site.engine.begin() as connection:
            return registry.create_patient(
                connection, self.site.centre, "Testpasient 1", now_ms=to_ms(NOW)
            )

    def lend(self, patient: str) -> str:
        with self.site.engine.begin() as connection:
            return fleet.lend(connection, BOX, patient, rules=SIGNED, now=self.now, days=14)

    def give_back(self, *done: Item) -> BoxInfo:
        with self.site.engine.begin() as connection:
            return fleet.give_back(connection, BOX, done, now=self.now)

    def accept(self, signed: SignedWipe) -> None:
        with self.site.engine.begin() as connection:
            loan = fleet.last_loan(connection, BOX)
            assert loan is not None
            accept_wipe(connection, BOX, loan, signed, self.now)

    def link_key(self) -> bytes:
        with reading(self.site.engine) as connection:
            return registry.devices(connection, [BOX])[BOX].link_key

    def info(self) -> BoxInfo:
        with reading(self.site.engine) as connection:
            return fleet.describe(connection, BOX)

    def report(self, loan: str | None = None, **changes: object) -> SignedWipe:
        """A report of a clean box, unless told otherwise."""
        fields: dict[str, object] = {
            "device": BOX,
            "wiped_at_ms": 0,
            "loans": (loan_digest(loan),) if loan else (),
            "discarded": {},
            "unreadable": 0,
            "removed_files": 3,
            "removed_bytes": 1000,
            "markers": 10,
            "searched_bytes": 100,
            "found": (),
        }
        return sign_wipe(WipeReport(**(fields | changes)), self.link_key())  # type: ignore[arg-type]


@pytest.fixture(name="depot")
def fixture_depot(tmp_path: Path) -> Iterator[Depot]:
    depot = Depot(tmp_path)
    yield depot
    depot.site.engine.dispose()


def test_a_life(depot: Depot) -> None:
    patient = depot.patient()
    assert depot.info().state is BoxState.ANNOUNCED
    with pytest.raises(RegistryError, match="not been enrolled"):
        depot.lend(patient)
    depot.enrol()
    assert depot.info().state is BoxState.READY
    loan = depot.lend(patient)
    assert depot.info().state is BoxState.LENT
    with pytest.raises(RegistryError, match="is lent"):
        depot.lend(depot.patient())
    assert depot.give_back().open_items == list(Item)
    with pytest.raises(RegistryError, match="is not ready: contents, cleaned"):
        depot.lend(depot.patient())
    assert depot.give_back(*BY_HAND).open_items == [Item.WIPED]
    depot.accept(depot.report(loan))
    assert depot.info().state is BoxState.READY
    assert depot.lend(depot.patient()) != loan


def test_only_the_box_itself_can_say_that_it_is_wiped(depot: Depot) -> None:
    depot.enrol()
    loan = depot.lend(depot.patient())
    assert Item.WIPED in depot.give_back(*Item).open_items
    foreign = sign_wipe(depot.report(loan).report, bytes(32))
    for signed, reason in (
        (foreign, "was not made by"),
        (depot.report(loan, device="koffert-0002"), "another box"),
        (depot.report(loan, found=("data/x:1",)), "1 traces are left"),
        (depot.report("an-earlier-loan"), "older than this loan"),
    ):
        with pytest.raises(RegistryError, match=reason):
            depot.accept(signed)
    assert Item.WIPED in depot.info().open_items
    # A box that never heard of the loan has no trace of it, but was wiped after it began.
    depot.accept(depot.report(wiped_at_ms=to_ms(NOW + timedelta(days=14))))
    assert Item.WIPED not in depot.info().open_items


def test_discarded_readings_are_noted_as_lost(depot: Depot) -> None:
    depot.enrol()
    loan = depot.lend(depot.patient())
    depot.give_back()
    depot.accept(depot.report(loan, discarded={Lane.VITALS: 12, Lane.BULK: 30}))
    with reading(depot.site.engine) as connection:
        (alert,) = open_alerts(connection)
    assert (alert.cause, alert.count) == (Cause.LOST_TRANSMISSIONS, 42)


def test_the_box_is_told_of_each_loan_and_of_its_end(depot: Depot) -> None:
    depot.enrol()
    loan = depot.lend(depot.patient())
    with reading(depot.site.engine) as connection:
        wanted = desired(connection, BOX)
    assert wanted is not None
    assert (wanted.loan, wanted.revision, wanted.followed) == (loan, 1, False)
    assert wanted.ends_ms == to_ms(NOW + timedelta(days=14))
    with depot.site.engine.begin() as connection:
        note_applied(connection, BOX, 2, NOW)  # it cannot have followed what was never said
        assert len(unfollowed(connection)) == 1
        note_applied(connection, BOX, 1, NOW)
        assert unfollowed(connection) == []
    depot.give_back()
    with depot.site.engine.begin() as connection:
        note_applied(connection, BOX, 1, NOW)  # an old word, come late
        assert [(d.loan, d.revision) for d in unfollowed(connection)] == [(None, 2)]


def test_a_lost_box_ends_its_loan(depot: Depot) -> None:
    depot.enrol()
    loan = depot.lend(depot.patient())
    with depot.site.engine.begin() as connection:
        fleet.end_current_loan(connection, BOX, EndReason.LOST, now=NOW)
        assert registry.loans(connection, [loan])[loan].state == "ended"


def test_words_and_what_is_not_there(depot: Depot) -> None:
    depot.enrol()
    with depot.site.engine.begin() as connection:
        fleet.relabel(connection, BOX, "red")
        assert [info.label for info in fleet.boxes(connection)] == ["red"]
        assert fleet.home_centre(connection, "Dalane DMS") == depot.site.centre
        for wrong in (
            lambda: fleet.relabel(connection, "nobody", "x"),
            lambda: fleet.describe(connection, "nobody"),
            lambda: fleet.home_centre(connection, "elsewhere"),
            lambda: fleet.lend(connection, BOX, "p-nobody", rules=SIGNED, now=NOW, days=1),
            lambda: fleet.give_back(connection, BOX, [], now=NOW),
        ):
            with pytest.raises(RegistryError):
                wrong()
