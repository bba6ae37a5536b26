"""The bookkeeping of an outbox's lane against a plain model of it."""

from hypothesis import given
from hypothesis import strategies as st

from koffert_hub.gaps import (
    Gap,
    GapState,
    Progress,
    arrived,
    decode_gaps,
    dropped,
    encode_gaps,
    released_below,
)

_ARRIVE = st.tuples(st.just("arrive"), st.integers(0, 20), st.just(0))
_DROP = st.tuples(st.just("drop"), st.integers(0, 20), st.integers(0, 5))
_RELEASE = st.tuples(st.just("release"), st.integers(0, 21), st.just(0))


def places(progress: Progress) -> dict[int, GapState]:
    return {n: gap.state for gap in progress.gaps for n in range(gap.first, gap.last + 1)}


@given(st.lists(st.one_of(_ARRIVE, _DROP, _RELEASE), max_size=30))
def test_every_place_has_the_state_that_the_box_gave_it(events: list[tuple[str, int, int]]) -> None:
    progress, model, end = Progress(), dict[int, GapState](), 0

    def reach(to: int) -> None:
        nonlocal end
        model.update(dict.fromkeys(range(end, to), GapState.ON_ITS_WAY))
        end = max(end, to)

    for kind, place, more in events:
        if kind == "arrive":
            known = place < end and place not in model
            assert progress.has(place) == known
            progress = arrived(progress, place, 0)
            reach(place + 1)
            model.pop(place, None)
            continue
        first, last = (place, place + more) if kind == "drop" else (0, place - 1)
        state = GapState.DROPPED if kind == "drop" else GapState.LOST
        reach(last + 1)
        model.update(
            {n: state for n in range(first, last + 1) if model.get(n) is GapState.ON_ITS_WAY}
        )
        if kind == "drop":
            progress = dropped(progress, first, last, 0)
        else:
            progress = released_below(progress, place, 0)
    assert places(progress) == model
    assert progress.next_sequence == end
    assert decode_gaps(encode_gaps(progress.gaps)) == progress.gaps


def test_a_gap_keeps_the_time_when_it_was_noticed() -> None:
    progress = arrived(Progress(), 5, now_ms=1_000)
    progress = released_below(progress, 3, now_ms=9_000)
    assert progress.gaps == (
        Gap(0, 2, GapState.LOST, 1_000),
        Gap(3, 4, GapState.ON_ITS_WAY, 1_000),
    )
