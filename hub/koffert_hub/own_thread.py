"""One thread for blocking work: what is given to it runs in order, one at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

_T = TypeVar("_T")


class OwnThread:
    """`await thread(work)` runs `work` there; leaving the `with` block ends it."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__(self, work: Callable[[], _T]) -> _T:
        """The result of `work`, or its exception."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
