"""A restored hub: nothing is lost, nothing is doubled in the log, and the replica goes on."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import registry, tables
from koffert_hub.backup import BackupError, back_up, restore, restore_log
from koffert_hub.database import open_database, reading
from koffert_hub.erasure import erase_patient
from koffert_hub.ingest import Received
from koffert_hub.intake import Intake
from koffert_hub.keys import load_keys
from koffert_hub.log_access import verify_whole
from koffert_hub.log_record import Event, decode_record
from koffert_hub.replica import Replica
from koffert_hub.settings import BrokerSettings, Settings
from koffert_hub.setup import initialise
from koffert_hub.status import status_of
from koffert_hub.transmission_log import current_epoch, position, rows_after, sign_due_head
from tests.hub.box import NOON_NS, Box
from tests.hub.kit import NOON_MS, SIGNED, NoSeries, Store
from tests.support.postgres import Postgres

AMK_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


class Drill:
    """A hub with one box, a backup of its first ten transmissions, and the replica of all fifteen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(
            data_dir=folder / "data", centre="Dalane DMS", broker=BrokerSettings(port=1883)
        )
        centre = initialise(self.settings)
        self.keys = load_keys(self.settings.data_dir)
        (sealing,) = self.keys.sealing.values()
        self.box = Box("box-1", sealing.public_key())
        self.engine = open_database(self.settings.database_url)
        with self.engine.begin() as connection:
            link_key = self.box.link_key
            registry.create_device(connection, "box-1", link_key, centre=centre, now_ms=0)
            patient = registry.create_patient(connection, centre, "Testpasient 1", now_ms=0)
            self.box.loan = registry.start_loan(
                connection, patient, "box-1", rules=SIGNED, now_ms=0
            )
        self.queued = [self.box.queue() for _ in range(15)]
        self.take(0, 10)
        self.complete_to = back_up(self.settings, folder / "backup")
        self.take(10, 15)
        self.replica_file = folder / "replica.sqlite"
        log_public = self.keys.log.public_key()
        self.replica = Replica(self.replica_file, "dalane", log_public, AMK_KEY)
        signed = sign_due_head(self.engine, self.keys.log, now_ms=NOON_MS, last=None)
        assert signed is not None
        self.catch_up()
        self.replica.countersign(signed, now_ms=NOON_MS)

    def take(self, start: int, end: int) -> list[bytes]:
        intake = Intake(self.engine, self.keys.sealing, random=os.urandom)
        batch = [Received(q.topic, q.payload(), NOON_NS) for q in self.queued[start:end]]
        return intake.take(batch, now_ms=NOON_MS).answers["box-1"].stored

    def catch_up(self) -> None:
        """The replica takes what the hub has."""
        with reading(self.engine) as connection:
            self.replica.append(list(rows_after(connection, self.replica.position().sequence)))

    def lose_the_hub(self) -> None:
        self.engine.dispose()
        self.settings.data_dir.rename(self.folder / "lost")

    def close(self) -> None:
        self.replica.close()
        self.engine.dispose()


def test_a_hub_restored_with_the_replica_goes_on(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    drill.lose_the_hub()
    restored = restore(
        drill.settings,
        tmp_path / "backup",
        os.urandom(16),
        replica=drill.replica_file,
        now_ms=NOON_MS,
    )
    assert (restored.complete_to, restored.log_records) == (11, 17)
    drill.engine = open_database(drill.settings.database_url)
    with reading(drill.engine) as connection:
        assert current_epoch(connection).complete_to == 11
        row = next(rows_after(connection, 16))
        epoch = decode_record(row.record)
        assert (epoch.event, epoch.detail) == (Event.EPOCH, restored.cites)
        assert str(restored.cites).startswith("16:")
    assert len(drill.take(0, 15)) == 15  # the box sends again what was receipted after record 11
    with reading(drill.engine) as connection:
        assert status_of(connection).transmissions == 15
        public = [drill.keys.log.public_key(), AMK_KEY.public_key()]
        verified = verify_whole(connection, public)
        assert (verified.ok, verified.heads) == (True, 2)
    drill.catch_up()
    assert drill.replica.position().sequence == 22
    assert load_keys(drill.settings.data_dir).sealing.keys() == drill.keys.sealing.keys()
    drill.close()


def test_a_box_that_missed_a_restore_still_sends_what_was_lost_in_it(tmp_path: Path) -> None:
    """It knows the first epoch and meets the third: the second one's losses must be named to it too."""
    drill = Drill(tmp_path)
    complete_to = []
    for backup in (tmp_path / "backup", tmp_path / "later"):
        drill.lose_the_hub()
        (tmp_path / "lost").rename(tmp_path / f"lost-{backup.name}")
        restored = restore(drill.settings, backup, os.urandom(16), replica=None, now_ms=NOON_MS)
        complete_to.append(restored.complete_to)
        drill.engine = open_database(drill.settings.database_url)
        drill.take(0, 3)  # other boxes go on; ours is away
        if backup.name == "backup":
            back_up(drill.settings, tmp_path / "later")
    assert complete_to == [11, 11]
    drill.close()


@pytest.mark.parametrize("left", [0, 7])
def test_a_deleted_log_comes_back_from_the_replica(tmp_path: Path, left: int) -> None:
    drill = Drill(tmp_path)
    log = tables.transmission_log
    with drill.engine.begin() as connection:
        before = list(rows_after(connection, 0))
        connection.execute(log.delete().where(log.c.sequence > left))
        connection.execute(tables.signed_head.delete())
        if left == 0:
            connection.execute(tables.log_state.update().values(sequence=0, head=bytes(32)))
    restored = restore_log(drill.settings, os.urandom(16), drill.replica_file, now_ms=NOON_MS)
    assert (restored.complete_to, restored.log_records) == (16, 17)
    with reading(drill.engine) as connection:
        rows = list(rows_after(connection, 0))
        assert rows[:16] == before
        epoch = decode_record(rows[16].record)
        assert (epoch.event, epoch.detail) == (Event.EPOCH, restored.cites)
        public = [drill.keys.log.public_key(), AMK_KEY.public_key()]
        verified = verify_whole(connection, public)
        assert (verified.ok, verified.heads) == (True, 2)
        assert status_of(connection).transmissions == 15
    drill.catch_up()
    assert drill.replica.position().sequence == 17
    with pytest.raises(BackupError, match="no record that is missing"):
        restore_log(drill.settings, os.urandom(16), drill.replica_file, now_ms=NOON_MS)
    drill.close()


def test_a_postgresql_hub_is_brought_back_from_a_dump(postgres: Postgres, tmp_path: Path) -> None:
    """Dumped and restored by its own tools; then the log goes on as after any restore, and says who is to be erased again."""
    store = Store(postgres.new_database())
    box = store.box()
    queued = [box.queue() for _ in range(15)]
    store.take(*queued[:10])
    postgres.run(
        "pg_dump", str(store.engine.url.database), "-Fc", "-f", str(postgres.folder / "dump")
    )
    store.take(*queued[10:])
    patient = store.records()[1].patient
    with store.engine.begin() as connection:
        registry.end_loan(connection, str(box.loan), now_ms=NOON_MS)
    erase_patient(store.engine, NoSeries(), str(patient), now_ms=NOON_MS)
    replica = Replica(tmp_path / "replica.sqlite", "dalane", AMK_KEY.public_key(), AMK_KEY)
    with reading(store.engine) as connection:
        replica.append(list(rows_after(connection, 0)))
    replica.close()
    store.engine.dispose()
    url = postgres.new_database()
    restored_name = str(sa.make_url(url).database)
    postgres.run("pg_restore", "-d", restored_name, str(postgres.folder / "dump"))
    settings = Settings(
        data_dir=tmp_path, centre="Dalane DMS", broker=BrokerSettings(port=1883), database=url
    )
    with pytest.raises(BackupError, match="koffert hub restore-log"):
        restore(settings, tmp_path, os.urandom(16), replica=None, now_ms=NOON_MS)
    restored = restore_log(settings, os.urandom(16), tmp_path / "replica.sqlite", now_ms=NOON_MS)
    assert (restored.complete_to, restored.log_records) == (11, 18)
    assert restored.erase_again == (patient,)
    engine = open_database(url)
    with reading(engine) as connection:
        assert current_epoch(connection).complete_to == 11
        assert verify_whole(connection, []).ok
    engine.dispose()


def test_a_whole_database_needs_no_replica_to_begin_an_epoch(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    restored = restore_log(drill.settings, os.urandom(16), None, now_ms=NOON_MS)
    assert (restored.complete_to, restored.log_records) == (16, 17)
    with drill.engine.begin() as connection:
        connection.execute(tables.transmission_log.delete())
    with pytest.raises(BackupError, match="give --replica"):
        restore_log(drill.settings, os.urandom(16), None, now_ms=NOON_MS)
    drill.close()


def test_a_log_that_was_altered_is_not_restored_over(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    log = tables.transmission_log
    with drill.engine.begin() as connection:
        connection.execute(log.update().where(log.c.sequence == 5).values(record=b"{}"))
        connection.execute(log.delete().where(log.c.sequence > 10))
    with pytest.raises(BackupError, match="record 5 here: broken-chain"):
        restore_log(drill.settings, os.urandom(16), drill.replica_file, now_ms=NOON_MS)
    drill.close()


def test_a_replica_that_does_not_continue_the_log_is_refused(tmp_path: Path) -> None:
    drill, other = Drill(tmp_path), tmp_path / "other"
    other.mkdir()
    stranger = Drill(other)
    drill.lose_the_hub()
    with pytest.raises(BackupError, match="record 12"):
        restore(
            drill.settings,
            tmp_path / "backup",
            os.urandom(16),
            replica=stranger.replica_file,
            now_ms=NOON_MS,
        )
    restored = restore(
        drill.settings, tmp_path / "backup", os.urandom(16), replica=None, now_ms=NOON_MS
    )
    assert (restored.complete_to, restored.log_records) == (11, 12)
    stranger.close()
    drill.close()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    with pytest.raises(BackupError):
        back_up(drill.settings, tmp_path / "backup")
    with pytest.raises(BackupError):
        restore(drill.settings, tmp_path / "backup", bytes(16), replica=None, now_ms=0)
    with reading(drill.engine) as connection:
        assert position(connection).sequence == 16
    drill.close()
