"""What has not come from the suitcase stands with the patient: how much, since when, and whether it will."""

from collections.abc import Iterator

import pytest

from koffert_hub.ingest import Received
from koffert_hub.registry import Role
from koffert_wire.messages import Dropped
from koffert_wire.topics import Lane
from tests.hub.box import NOON_NS
from tests.web.hub import Hub, client
from tests.web.lent import Lent, lent


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


def missing(hub: Hub, lent: Lent) -> list[str]:
    """The sentences as the nurse reads them."""
    html = client(hub, Role.NURSE).get(f"/patients/{lent.patient}").text
    marked = [part.partition("</p>")[0] for part in html.split('<p class="missing">')[1:]]
    return [one.replace('<span aria-hidden="true">', "").replace("</span>", "") for one in marked]


def test_the_nurse_sees_what_is_missing_since_when_and_why(hub: Hub, lent: Lent) -> None:
    box, store = lent.box, lent.store
    assert missing(hub, lent) == []
    queued = [box.queue() for _ in range(10)]
    store.take(queued[9])
    since = "siden 01.06.2026 14:00"
    (on_its_way,) = missing(hub, lent)
    assert on_its_way == f"9 sendinger med målinger mangler {since}: på vei fra kofferten."
    store.take(box.queue([Dropped(box.now(), Lane.VITALS, 2, 4, 3, "full")], Lane.ALARM))
    store.take(box.queue([Dropped(box.now(), Lane.BULK, 0, 0, 1, "full")], Lane.ALARM))
    late = Received(queued[8].topic, queued[8].payload(lowest_queued={Lane.VITALS: 7}), NOON_NS)
    store.take_raw(late)
    assert missing(hub, lent) == [
        f"▲ 3 sendinger med målinger mangler {since}: gitt opp av kofferten, kommer ikke.",
        f"▲ 4 sendinger med målinger mangler {since}: tapt, kommer ikke.",
        f"1 sending med målinger mangler {since}: på vei fra kofferten.",
        f"▲ 1 sending med kurver mangler {since}: gitt opp av kofferten, kommer ikke.",
    ]
    store.take(*(queued[place] for place in (0, 1, 5, 6, 7)))
    assert len(missing(hub, lent)) == 2, "what came is no longer missing"
