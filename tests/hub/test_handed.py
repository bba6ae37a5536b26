"""What ingest hands to the projections is what they would have read from the log, and no more."""

from koffert_hub.filing import Batch
from koffert_hub.handed import MAX_BATCHES, Handed
from koffert_hub.log_record import Event, Result
from koffert_hub.projection import Step
from koffert_hub.projector import read_step
from koffert_hub.transmission_log import LogWriter, draft
from koffert_wire.messages import PPG, Diary, Dropped, WaveformBlock
from koffert_wire.samples import pack_samples
from koffert_wire.topics import Lane
from tests.hub.box import NOON_NS
from tests.hub.kit import NOON_MS, Store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture


def handed_over(*batches: Batch) -> Handed:
    handed = Handed()
    for batch in batches:
        handed.add(batch)
    return handed


def a_bit_of_all(store: Store) -> list[Batch]:
    """Readings with good and bad clocks, a wave, a diary, and what is of no patient."""
    box, stranger = store.box(), store.box("box-2", lent=False)
    codec, packed = pack_samples([3, 4, -5])
    wave = WaveformBlock(
        box.identifier(), box.now(), "nonin-ble", None, PPG, 75.0, 3, codec, packed
    )
    gone = [Dropped(box.now(), Lane.BULK, 0, 3, 4, "quota")]
    first = store.take(box.queue([box.reading(91.0), box.reading(None)]), stranger.queue(gone))
    second = store.take(
        box.queue([wave], Lane.BULK), box.queue([Diary(box.identifier(), box.now(), {})])
    )
    box.reboot(NOON_NS // 2)
    return [first, second, store.take(box.queue())]


def test_the_same_is_handed_over_as_lies_in_the_log(store: Store) -> None:
    batches = a_bit_of_all(store)
    start = batches[0].log_after
    read = read_step(store.engine, start, 1_000)
    assert len(read.bodies) == 4
    assert handed_over(*batches).take(start, 1_000) == read


def test_what_does_not_join_on_is_read_from_the_log(store: Store) -> None:
    box = store.box()
    first = store.take(box.queue())
    with store.engine.begin() as connection:
        writer = LogWriter(connection)
        writer.add(draft(Event.SETTINGS, Result.DONE, at_ms=NOON_MS))
        writer.flush()
    after_a_gap = store.take(store.box("box-3").queue())
    handed = handed_over(first, after_a_gap)
    assert handed.take(first.log_after, 1_000) == Step(list(first.bodies), [], first.log_sequence)
    assert handed.take(first.log_sequence, 1_000) is None
    assert not handed.is_empty
    assert handed.take(after_a_gap.log_after, 1_000) is not None
    assert handed.is_empty


def test_what_was_read_from_the_log_is_not_given_again(store: Store) -> None:
    box = store.box()
    batches = [store.take(box.queue()) for _ in range(3)]
    handed = handed_over(*batches)
    step = handed.take(batches[1].log_after, 1_000)
    assert step is not None
    assert [one.log_sequence for one in step.bodies] == [each.log_sequence for each in batches[1:]]
    assert handed.take(step.cursor, 1_000) is None


def test_a_projection_that_stands_still_fills_no_memory(store: Store) -> None:
    batch = store.take(store.box().queue())
    handed = handed_over(
        *(
            batch._replace(log_after=number, log_sequence=number + 1)
            for number in range(MAX_BATCHES + 5)
        )
    )
    assert handed.take(0, 1_000) is None
    step = handed.take(5, 1_000)
    assert step is not None
    assert len(step.bodies) == MAX_BATCHES
