"""A box that vanishes without a word is noticed, once, and so is its return."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from koffert_hub.database import reading
from koffert_hub.provisioning import lending
from koffert_hub.provisioning.link_watch import PATIENCE, LinkWatch
from koffert_hub.technical_alerts import Cause, open_alerts
from koffert_wire.mqtt import Incoming
from koffert_wire.topics import LINK_GONE, LINK_UP, up_link
from tests.hub.provisioning.site import NOW
from tests.hub.provisioning.test_box_settings import Lent
from tests.hub.provisioning.test_fleet import BOX


@pytest.fixture(name="lent")
def fixture_lent(tmp_path: Path) -> Iterator[Lent]:
    lent = Lent(tmp_path)
    yield lent
    lent.depot.site.engine.dispose()


class Watched:
    """The watch, the broker's words, and the alerts."""

    def __init__(self, lent: Lent) -> None:
        self.lent = lent
        self.watch = LinkWatch()

    def hear(self, payload: bytes, device: str = BOX) -> "Watched":
        self.watch.hear(Incoming(up_link(device), payload, retain=True, message_id=1))
        return self

    def alerts(self, after: timedelta = timedelta()) -> int:
        """Let the hub look; how many links are lost."""
        with self.lent.depot.site.engine.begin() as connection:
            self.watch.step(connection, NOW + after)
        with reading(self.lent.depot.site.engine) as connection:
            found = [one for one in open_alerts(connection) if one.cause is Cause.LINK_LOST]
        assert all(one.count == 1 for one in found)
        return len(found)


def test_a_box_that_is_gone_for_long_is_an_alert_until_it_is_back(lent: Lent) -> None:
    watched = Watched(lent)
    assert watched.hear(LINK_UP).alerts() == 0
    assert watched.hear(LINK_GONE).alerts() == 0
    assert watched.alerts(PATIENCE - timedelta(seconds=1)) == 0
    assert watched.alerts(PATIENCE) == 1
    assert watched.alerts(2 * PATIENCE) == 1
    assert watched.hear(LINK_GONE).hear(LINK_UP).alerts(3 * PATIENCE) == 0


def test_a_link_that_flickers_is_none(lent: Lent) -> None:
    watched = Watched(lent).hear(LINK_GONE)
    watched.alerts()
    watched.hear(LINK_UP).hear(LINK_GONE).alerts(PATIENCE / 2)
    assert watched.alerts(PATIENCE) == 0


def test_a_box_in_the_cupboard_or_in_a_pause_may_be_off(lent: Lent) -> None:
    watched = Watched(lent).hear(LINK_GONE, "koffert-0002")
    watched.alerts()
    assert watched.alerts(PATIENCE) == 0
    with lent.depot.site.engine.begin() as connection:
        lending.pause(connection, BOX, now=NOW)
    watched.hear(LINK_GONE).alerts()
    assert watched.alerts(PATIENCE) == 0
    with lent.depot.site.engine.begin() as connection:
        lending.resume(connection, BOX, now=NOW)
    assert watched.alerts(PATIENCE) == 1
    lent.depot.give_back()
    assert watched.alerts(2 * PATIENCE) == 0


def test_a_hub_that_starts_again_knows_what_it_has_said(lent: Lent) -> None:
    watched = Watched(lent).hear(LINK_GONE)
    watched.alerts()
    assert watched.alerts(PATIENCE) == 1
    watched.watch = LinkWatch()
    assert watched.hear(LINK_GONE).alerts(2 * PATIENCE) == 1
    watched.watch = LinkWatch()
    assert watched.hear(LINK_UP).alerts(3 * PATIENCE) == 0
