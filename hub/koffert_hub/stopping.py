"""A process under a service manager: says that it is ready and well, and ends politely when asked."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any

from koffert_wire.notify import Notifier, watchdog_period_s

# Without a watchdog nobody listens; the task then only waits to be cancelled.
_WITHOUT_WATCHDOG_S = 3600.0


async def until_signal(work: "Coroutine[Any, Any, None]") -> None:
    """Run `work` until it fails or SIGTERM or SIGINT comes; it is then cancelled and waited for.

    The service manager is told meanwhile that all is well.
    """
    task = asyncio.create_task(work, name="main")
    well = asyncio.create_task(tell_well(Notifier()), name="service manager")
    with stop_signals() as stop:
        await first_of(stop.wait(), task)
    well.cancel()
    if not task.done():
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """The event that a signal sets while the block runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def first_of(stop: "Coroutine[Any, Any, bool]", *tasks: "asyncio.Task[None]") -> None:
    """Wait until `stop` or one of `tasks` is done."""
    asked = asyncio.create_task(stop, name="stop-signal")
    await asyncio.wait((asked, *tasks), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


async def tell_well(notifier: Notifier) -> None:
    """Tell systemd that the process is ready, then that its loop turns, until cancelled.

    A part that fails ends the whole process, so a turning loop means that every part is alive.
    """
    notifier.tell("READY=1")
    try:
        while True:
            await asyncio.sleep(watchdog_period_s() or _WITHOUT_WATCHDOG_S)
            notifier.tell("WATCHDOG=1")
    finally:
        notifier.tell("STOPPING=1")
