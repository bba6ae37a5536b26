"""A part that fails or hangs is restarted alone; what hangs for good is named and starves the watchdog."""

import asyncio
import contextlib
import time

import pytest

from koffert_agent import supervisor as module
from koffert_agent.supervisor import Part, PartCondition, Pulse, Supervisor
from tests.device_agent.support import eventually


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr(module, "_LET_GO_S", 0.1)


def test_a_failing_part_is_restarted_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        failures, steady = 0, 0

        async def failing(_: Pulse) -> None:
            nonlocal failures
            failures += 1
            raise ValueError("the codec choked")

        async def going(pulse: Pulse) -> None:
            nonlocal steady
            steady += 1
            pulse.rest()
            await asyncio.Event().wait()

        async with Supervisor(lambda: 0.0) as supervisor:
            supervisor.start(Part("failing", failing))
            supervisor.start(Part("going", going))
            await eventually(lambda: failures >= 3)
            assert steady == 1
            assert supervisor.healthy
            assert {state.name: state.restarts >= 2 for state in supervisor.states} == {
                "failing": True,
                "going": False,
            }

    asyncio.run(scenario())
    assert "failing failed: the codec choked" in caplog.text


def test_a_silent_part_is_cancelled_and_restarted(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        starts = 0

        async def hanging(pulse: Pulse) -> None:
            nonlocal starts
            starts += 1
            pulse.beat()
            await asyncio.Event().wait()

        async with Supervisor(lambda: 0.0) as supervisor:
            supervisor.start(Part("driver", hanging, patience_s=0.05))
            await eventually(lambda: starts >= 2)
            assert supervisor.healthy

    asyncio.run(scenario())
    assert "driver: no sign of life" in caplog.text


def test_what_does_not_let_go_is_named_and_starves_the_watchdog_until_it_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        release = asyncio.Event()

        async def stubborn(pulse: Pulse) -> None:
            pulse.beat()
            while not release.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await release.wait()

        async with Supervisor(lambda: 0.0) as supervisor:
            supervisor.start(Part("codec", stubborn, patience_s=0.05))
            await eventually(lambda: not supervisor.healthy)
            assert supervisor.states[0].condition is PartCondition.HUNG
            release.set()
            await eventually(lambda: supervisor.healthy and supervisor.states[0].restarts > 0)

    asyncio.run(scenario())
    assert "codec hangs and does not let go" in caplog.text
    assert "codec has let go after all" in caplog.text


def test_a_process_that_got_no_processor_does_not_blame_its_parts() -> None:
    async def scenario() -> None:
        async def busy(pulse: Pulse) -> None:
            while True:
                pulse.beat()
                await asyncio.sleep(0.001)

        async with Supervisor(lambda: 0.0) as supervisor:
            supervisor.start(Part("uplink", busy, patience_s=0.05))
            for _ in range(5):
                await asyncio.sleep(0.02)
                time.sleep(0.1)  # noqa: ASYNC251 - the whole process stands still
            assert [state.restarts for state in supervisor.states] == [0]
            assert supervisor.states[0].condition is PartCondition.RUNNING

    asyncio.run(scenario())


def test_stop_ends_one_part_and_leaves_the_others() -> None:
    async def scenario() -> None:
        async def going(pulse: Pulse) -> None:
            pulse.rest()
            await asyncio.Event().wait()

        async with Supervisor(lambda: 0.0) as supervisor:
            supervisor.start(Part("one", going))
            supervisor.start(Part("two", going))
            await asyncio.sleep(0)
            await supervisor.stop("one")
            conditions = {state.name: state.condition for state in supervisor.states}
            assert conditions == {"one": PartCondition.STOPPED, "two": PartCondition.RUNNING}

    asyncio.run(scenario())
