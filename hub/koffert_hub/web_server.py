"""uvicorn as a part of a process that decides itself when it stops."""

import contextlib
from collections.abc import Iterator

import uvicorn


class PartServer(uvicorn.Server):
    """uvicorn without its signal handlers; `should_exit` ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn: nothing is captured."""
        yield
