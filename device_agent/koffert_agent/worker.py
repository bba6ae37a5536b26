"""One thread that makes blocking calls for the loop, one after another."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

_T = TypeVar("_T")


class Worker:
    """A daemon thread: a call that hangs in the kernel cannot keep the process from ending.

    `busy_s` tells how long the call in hand has taken, for whoever watches over the process.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._began_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], _T]) -> _T:
        """Run `function` in the thread, after all that was asked for before.

        A caller that is cancelled meanwhile no longer gets the result; the call itself still runs.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        self._calls.put(lambda: _answer(loop, answer, function))
        return await answer

    @property
    def busy_s(self) -> float:
        """How long the call in hand has been running; 0 when idle."""
        began_s = self._began_s
        return 0.0 if began_s is None else time.monotonic() - began_s

    def stop(self) -> None:
        """Let the thread end once it has done what it was asked for; does not wait."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self._began_s = time.monotonic()
            call()
            self._began_s = None


def _answer(
    loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[_T]", function: Callable[[], _T]
) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked for
        tell = partial(answer.set_exception, error)
    else:
        tell = partial(answer.set_result, result)
    # A closed loop means that nobody waits any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: None if answer.done() else tell())
