"""A new log key: the log itself leads from the old one to it, offline and at the replica; nobody else's word does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from koffert_hub.database import open_database, reading
from koffert_hub.keys import LOG_KEY_FILE, load_keys, write_private
from koffert_hub.log_access import find_log, public_keys, verify_export, verify_whole
from koffert_hub.log_export import json_lines, read_export, span
from koffert_hub.log_keys import NEXT_KEY_FILE, Rotated, rotate
from koffert_hub.log_record import Event, Result, log_key_id, sign_head
from koffert_hub.log_rotation import CONTENT, announce
from koffert_hub.log_verify import Fault, FirstBad, Verification
from koffert_hub.replica import Contradiction, Replica
from koffert_hub.settings import BrokerSettings, Settings
from koffert_hub.setup import initialise
from koffert_hub.transmission_log import (
    SIGN_EVERY_MS,
    LogWriter,
    draft,
    keep_signed_head,
    position,
    rows_after,
    sign_due_head,
)
from koffert_hub.web.register import LogSource, check_record
from tests.hub.kit import NOON_MS

AMK_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


class Hub:
    """A hub whose log has five records and a head signed at its end, and the replica of it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            data_dir=folder / "data", centre="Dalane DMS", broker=BrokerSettings(port=1883)
        )
        initialise(self.settings)
        self.engine: sa.Engine = open_database(self.settings.database_url)
        self.old = load_keys(self.settings.data_dir).log
        self.first: Ed25519PublicKey = self.old.public_key()
        self.now_ms = NOON_MS
        self.replica = Replica(folder / "replica.sqlite", "dalane", self.first, AMK_KEY)
        self.write(4)
        self.last = self.sign(self.old)

    def write(self, count: int, **fields: object) -> None:
        with self.engine.begin() as connection:
            writer = LogWriter(connection)
            for _ in range(count):
                event = fields.get("event", Event.NOTICE)
                assert isinstance(event, Event)
                rest = {name: value for name, value in fields.items() if name != "event"}
                writer.add(draft(event, Result.DONE, at_ms=self.now_ms, **rest))
            writer.flush()

    def sign(self, key: Ed25519PrivateKey) -> object:
        self.now_ms += SIGN_EVERY_MS
        last = getattr(self, "last", None)
        signed = sign_due_head(self.engine, key, now_ms=self.now_ms, last=last)
        self.follow()
        if signed is not None and signed != last:
            self.replica.countersign(signed, now_ms=self.now_ms)
        return signed

    def follow(self) -> None:
        with reading(self.engine) as connection:
            self.replica.append(list(rows_after(connection, self.replica.position().sequence)))

    def rotate(self) -> Rotated:
        rotated = rotate(self.settings, now_ms=self.now_ms)
        self.new = load_keys(self.settings.data_dir).log
        return rotated

    def verified(self, *keys: Ed25519PublicKey) -> Verification:
        with reading(self.engine) as connection:
            return verify_whole(connection, keys)


@pytest.fixture(name="hub")
def fixture_hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    yield hub
    hub.replica.close()
    hub.engine.dispose()


def test_who_trusts_the_old_key_comes_to_trust_the_new_one(hub: Hub) -> None:
    rotated = hub.rotate()
    assert (rotated.log_sequence, hub.new == hub.old) == (6, False)
    hub.write(3)
    hub.sign(hub.new)
    assert hub.verified(hub.first) == Verification(9, 2, ok=True, signed_to=9)
    with reading(hub.engine) as connection:
        export = read_export(json_lines(connection, span(connection, None, None)))
    assert verify_export(export, [hub.first]) == Verification(9, 2, ok=True, signed_to=9)
    beside = public_keys(find_log(str(hub.settings.data_dir / "hub.sqlite")).log_keys)
    assert hub.verified(*beside) == Verification(9, 2, ok=True, signed_to=9)
    # The newest key alone says nothing of what was signed before it.
    assert hub.verified(hub.new.public_key()) == Verification(
        9, 1, ok=True, unchecked_heads=1, signed_to=9
    )
    countersigned = [one.sequence for one in hub.replica.countersigned()]
    assert countersigned == [5, 9]
    source = LogSource("dalane", hub.replica.engine, hub.first, AMK_KEY.public_key())
    checked = check_record(source, 7)
    assert (checked.verification.ok, checked.until) == (True, 9)
    assert checked.hub_signed_ms == hub.now_ms


def test_a_replica_that_was_closed_meanwhile_knows_the_new_key(hub: Hub, tmp_path: Path) -> None:
    hub.rotate()
    hub.follow()
    hub.replica.close()
    hub.replica = Replica(tmp_path / "replica.sqlite", "dalane", hub.first, AMK_KEY)
    hub.write(1)
    hub.sign(hub.new)
    assert [one.sequence for one in hub.replica.countersigned()] == [5, 7]


def test_a_hub_that_still_holds_the_old_key_signs_nothing(hub: Hub) -> None:
    hub.rotate()
    hub.write(1)
    assert hub.sign(hub.old) == hub.last
    assert hub.verified(hub.first) == Verification(7, 1, ok=True, signed_to=5)


def test_the_old_key_is_worth_nothing_after_it_was_put_away(hub: Hub) -> None:
    hub.rotate()
    hub.write(1)
    with hub.engine.begin() as connection:
        here = position(connection)
        forged = sign_head(here.sequence, here.head, hub.now_ms, hub.old)
        keep_signed_head(connection, forged)
    assert hub.verified(hub.first).first_bad == FirstBad(7, Fault.RETIRED_KEY)
    hub.follow()
    with pytest.raises(Contradiction, match="record 7: a signature that is not the hub's"):
        hub.replica.countersign(forged, now_ms=hub.now_ms)


def test_nobody_else_can_announce_a_key(hub: Hub) -> None:
    stranger = Ed25519PrivateKey.generate()
    told = announce(stranger, stranger.public_key()).split(":")
    told[0] = log_key_id(hub.first).hex()  # says it is the hub, but did not sign as the hub
    hub.write(1, event=Event.KEY, content=CONTENT, detail=":".join(told))
    assert hub.verified(hub.first).first_bad == FirstBad(6, Fault.BAD_SIGNATURE)
    with pytest.raises(Contradiction, match="record 6"):
        hub.follow()
    assert hub.replica.position().sequence == 5


def test_a_cut_tail_is_found_behind_a_rotation(hub: Hub) -> None:
    hub.rotate()
    hub.write(3)
    hub.sign(hub.new)
    with reading(hub.engine) as connection:
        export = read_export(json_lines(connection, span(connection, None, None)))
    cut = verify_export(type(export)(export.after, export.rows[:7], export.signed), [hub.first])
    assert cut.first_bad == FirstBad(8, Fault.MISSING)


def test_a_rotation_that_was_cut_short_goes_on(hub: Hub) -> None:
    """The power went after the announcement, before the key was in place."""
    rotated = hub.rotate()
    folder = hub.settings.data_dir
    (folder / LOG_KEY_FILE).rename(folder / NEXT_KEY_FILE)
    write_private(folder / LOG_KEY_FILE, hub.old.private_bytes_raw())
    assert rotate(hub.settings, now_ms=NOON_MS) == rotated
    assert load_keys(folder).log.private_bytes_raw() == hub.new.private_bytes_raw()
    assert not (folder / NEXT_KEY_FILE).exists()
    assert hub.verified(hub.first).records == 6
