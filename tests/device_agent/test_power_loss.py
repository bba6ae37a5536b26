"""The power goes at any write: what the outbox has taken is there afterwards.

The same harness with `synchronous=NORMAL` loses rows, so a passing test says something.
"""

import contextlib
import os
from pathlib import Path
from random import Random

import apsw
import pytest

from koffert_agent.outbox import schema
from koffert_agent.outbox.records import Draft, Drop, OutboxError, Quota
from koffert_agent.outbox.store import OutboxStore
from koffert_wire.downlink import Receipt
from koffert_wire.envelope import Sealed
from koffert_wire.topics import Lane
from tests.support.power_loss import Disk, DiskLayer, Fate, PowerLossError

QUOTA = Quota(8 * 1024 * 1024, 512 * 1024)
CUTS, MANY_CUTS = 110, 600  # per fate
COMMITS = 60
EPOCH = b"e" * 16


def draft(lane: Lane, body_bytes: int = 200) -> Draft:
    return Draft(
        os.urandom(16),
        lane,
        body_bytes + 312,
        lambda outbox, n: Sealed(outbox + b"%d" % n, os.urandom(body_bytes)),
    )


def report(_: Drop) -> Draft:
    return draft(Lane.VITALS)


class Cut:
    """One box that loses its power; knows what it had been promised until then."""

    def __init__(self, folder: Path, seed: int, fate: Fate) -> None:
        self.random = Random(seed)  # noqa: S311 - reproducible on purpose
        self.promised: set[bytes] = set()
        self.released: set[bytes] = set()
        self.undecided: set[bytes] = set()
        self._folder = folder / f"{seed}"
        self._fate = fate
        self._disk = Disk()
        self._layer = DiskLayer(f"power-{fate}-{seed}-{id(self)}", self._disk)

    def run(self) -> None:
        """Fill and drain an outbox until the lights go out."""
        store = OutboxStore(self._path("live"), QUOTA, report, vfs=self._layer.name)
        self._disk.cut_at = self._disk.operations + self.random.randint(5, 400)
        with contextlib.suppress(OutboxError, PowerLossError, apsw.Error):
            for _ in range(COMMITS):
                self._commit(store)
        self._disk.dark = True
        store.close()

    def _commit(self, store: OutboxStore) -> None:
        drafts = [draft(self.random.choice(list(Lane))) for _ in range(self.random.randint(1, 4))]
        self.undecided = set()
        rows = store.append(drafts)
        if self._disk.dark:  # SQLite takes a failed checkpoint after a good commit for no error
            raise PowerLossError
        self.promised |= {row.id for row in rows}
        if self.random.random() < 0.3:
            self.undecided = set(self.random.sample(sorted(self.promised), 1))
            store.release([Receipt(EPOCH, 1, bytes(32), tuple(self.undecided))])
            self.released |= self.undecided
        if self.random.random() < 0.1:
            store.tidy(2, keep_released_ns=1)

    def after(self) -> OutboxStore:
        """The outbox as the next start finds it."""
        self._path("after").parent.mkdir(parents=True)
        self._disk.leave(self._path("after").parent, self.random, self._fate)
        return OutboxStore(self._path("after"), QUOTA, report)

    def lost(self) -> set[bytes]:
        """What had been promised and is no longer queued, though no receipt released it."""
        store = self.after()
        kept = {row.id for lane in Lane for row in store.queued(lane, 0, 2**62, 10_000).rows}
        store.close()
        return self.promised - self.released - self.undecided - kept

    def _path(self, state: str) -> Path:
        return self._folder / state / "o.sqlite3"


@pytest.fixture(autouse=True)
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the power go during checkpoints too, every few commits."""
    monkeypatch.setattr("koffert_agent.outbox.database._CHECKPOINT_PAGES", 40)


@pytest.fixture
def normal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open outboxes as other gateways do."""
    configure = schema._configure

    def weaker(database: apsw.Connection) -> None:
        configure(database)
        database.pragma("synchronous", "NORMAL")

    monkeypatch.setattr(schema, "_configure", weaker)


@pytest.mark.parametrize("fate", Fate)
@pytest.mark.parametrize(
    "cuts", [CUTS, pytest.param(MANY_CUTS, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_no_promised_row_is_lost(tmp_path: Path, fate: Fate, cuts: int) -> None:
    promised = 0
    for seed in range(cuts):
        cut = Cut(tmp_path, seed, fate)
        cut.run()
        assert not cut.lost(), f"seed {seed}"
        promised += len(cut.promised)
    assert promised > cuts * 10


@pytest.mark.usefixtures("normal")
def test_the_same_cuts_lose_rows_when_sqlite_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    cuts = [Cut(tmp_path, seed, Fate.LOST) for seed in range(10)]
    for cut in cuts:
        cut.run()
    assert sum(bool(cut.lost()) for cut in cuts) >= len(cuts) // 2


def test_the_outbox_goes_on_after_a_cut(tmp_path: Path) -> None:
    for seed in range(20):
        cut = Cut(tmp_path, seed, Fate.TORN)
        cut.run()
        store = cut.after()
        sequences = [row.sequence for row in store.queued(Lane.VITALS, 0, 2**62, 10_000).rows]
        assert sequences == sorted(set(sequences))
        (row,) = store.append([draft(Lane.VITALS)])
        assert row.sequence > max(sequences, default=-1)
        store.close()


def test_a_disk_fuller_than_the_quota_gives_up_waveforms_and_keeps_alarms(tmp_path: Path) -> None:
    """Waveforms go first, then vitals are refused and counted; an alarm finds room to the last."""
    path, ballast = tmp_path / "o.sqlite3", tmp_path / "o.ballast"
    disk = Disk(lambda: ballast.stat().st_size if ballast.exists() else 0)
    layer = DiskLayer(f"full-{id(disk)}", disk)
    store = OutboxStore(path, QUOTA, report, vfs=layer.name)
    for _ in range(200):
        store.append([draft(Lane.BULK, body_bytes=4000), draft(Lane.VITALS)])
    disk.space_bytes = disk.used_bytes + 64 * 1024
    vitals, after_first_drop = 200, 0
    while store.append([draft(Lane.VITALS)]):
        vitals += 1
        after_first_drop += bool(store.count()[Lane.BULK].dropped)
    counts = store.count()
    assert after_first_drop > 500, "the waveforms' room went to vitals"
    assert (counts[Lane.BULK].queued, counts[Lane.BULK].dropped) == (0, 200)
    assert counts[Lane.VITALS].dropped == 1
    assert counts[Lane.VITALS].queued >= vitals
    for number in range(100):
        assert store.append([draft(Lane.ALARM)]), number
    both = store.append([draft(Lane.VITALS), draft(Lane.ALARM)])
    assert Lane.ALARM in {row.lane for row in both}
    disk.space_bytes = None
    assert len(store.append([draft(Lane.VITALS)])) == 1
    store.close()


def test_a_disk_full_for_a_while_makes_the_outbox_forget_nothing(tmp_path: Path) -> None:
    """A hub that is restored meanwhile may ask for what it had receipted."""
    path = tmp_path / "o.sqlite3"
    rooms = [path.with_suffix(suffix) for suffix in (".ballast", ".spare")]
    disk = Disk(lambda: sum(room.stat().st_size for room in rooms if room.exists()))
    layer = DiskLayer(f"while-{id(disk)}", disk)
    store = OutboxStore(path, QUOTA, report, vfs=layer.name)
    receipted = [row.id for row in store.append([draft(Lane.VITALS) for _ in range(100)])]
    store.append([draft(Lane.BULK)])
    store.release([Receipt(EPOCH, 1, bytes(32), tuple(receipted))])
    disk.space_bytes = disk.used_bytes + 64 * 1024
    for _ in range(1_000):
        assert store.append([draft(Lane.VITALS)])
    counts = store.count()
    assert counts[Lane.VITALS].released == len(receipted)
    assert (counts[Lane.BULK].queued, counts[Lane.BULK].dropped) == (1, 0)
    disk.space_bytes = None
    store.close()


def test_a_box_starts_on_a_full_disk(tmp_path: Path) -> None:
    """Killed while the disk is full: what is there is still found, and sent."""
    path = tmp_path / "o.sqlite3"
    OutboxStore(path, QUOTA, report).close()
    disk = Disk()
    layer = DiskLayer(f"start-{id(disk)}", disk)
    disk.space_bytes = 0
    store = OutboxStore(path, QUOTA, report, vfs=layer.name)
    assert store.lowest_queued()[Lane.VITALS] == 0
    disk.space_bytes = None
    store.close()
