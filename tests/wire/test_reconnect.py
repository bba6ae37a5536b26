"""The reconnect loop, with time and chance injected."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_wire.reconnect import Backoff, Link, keep_connected

LOG = logging.getLogger("test.reconnect")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_delay_stays_under_its_cap(failures: int, random: float) -> None:
    assert 0 <= Backoff(first_s=1, cap_s=300).delay_s(failures, random) <= 300


def test_the_bound_doubles() -> None:
    backoff = Backoff(first_s=1, cap_s=10)
    assert [backoff.delay_s(n, 0.5) for n in (1, 2, 3, 4, 5, 6)] == [0.5, 1, 2, 4, 5, 5]


class FlakyLink:
    """A session that fails some times and then ends well."""

    def __init__(self, failures: int) -> None:
        self.calls = 0
        self._failures = failures

    async def __call__(self, link: Link) -> None:
        self.calls += 1
        if self.calls <= self._failures:
            raise ConnectionError("no")
        link.established()


def run(session: FlakyLink, wake: asyncio.Event | None = None, first_s: float = 0.0) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(40):
            await keep_connected(
                "the link",
                session,
                policy=lambda _error: Backoff(first_s=first_s, cap_s=first_s),
                retry_on=(ConnectionError,),
                wake=wake or asyncio.Event(),
                random=lambda: 0.999,
                log=LOG,
            )

    asyncio.run(scenario())


def test_it_tries_until_it_works_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    session = FlakyLink(4)
    with caplog.at_level(logging.DEBUG, logger=LOG.name):
        run(session)
    assert session.calls == 5
    assert [record.levelname for record in caplog.records] == [
        "WARNING", "DEBUG", "DEBUG", "DEBUG", "INFO",
    ]  # fmt: skip
    assert caplog.records[-1].message == "the link: recovered after 4 failed attempts"


def test_a_wake_cuts_the_wait_short() -> None:
    async def scenario() -> None:
        wake = asyncio.Event()
        session = FlakyLink(1)
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, wake.set)
        async with asyncio.timeout(40):
            await keep_connected(
                "the link",
                session,
                policy=lambda _error: Backoff(first_s=3600, cap_s=3600),
                retry_on=(ConnectionError,),
                wake=wake,
                random=lambda: 0.999,
                log=LOG,
            )
        assert session.calls == 2

    asyncio.run(scenario())


def test_an_error_of_another_kind_is_not_retried() -> None:
    async def broken(_link: Link) -> None:
        raise KeyError

    async def scenario() -> None:
        with pytest.raises(KeyError):
            await keep_connected(
                "the link",
                broken,
                policy=lambda _error: Backoff(first_s=0, cap_s=0),
                retry_on=(ConnectionError,),
                wake=asyncio.Event(),
                random=lambda: 0.0,
                log=LOG,
            )

    asyncio.run(scenario())


def test_a_link_must_hold_before_its_past_is_forgiven() -> None:
    now_s = 0.0
    link = Link(lambda: now_s)
    assert not link.held
    link.established()
    now_s = 59.0
    assert not link.held
    now_s = 60.0
    assert link.held


def test_a_wake_just_before_the_wait_counts() -> None:
    async def scenario() -> None:
        wake = asyncio.Event()
        session = FlakyLink(1)
        wake.set()
        async with asyncio.timeout(40):
            await keep_connected(
                "the link",
                session,
                policy=lambda _error: Backoff(first_s=3600, cap_s=3600),
                retry_on=(ConnectionError,),
                wake=wake,
                random=lambda: 0.999,
                log=LOG,
            )
        assert not wake.is_set()

    asyncio.run(scenario())
