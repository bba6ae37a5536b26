"""What ingest has just filed, handed to a projection in memory: it need not be read and decoded again.

The log stays the source. What does not join on to the cursor, or fell out because the projection was slow,
is read from there.
"""

from collections import deque
from threading import Lock

from koffert_hub.filing import Batch
from koffert_hub.projection import Opened, Step

# Some seconds of a busy hub; a batch holds at most 200 transmissions.
MAX_BATCHES = 64


class Handed:
    """Batches in the order of their commits, from ingest's thread to a projection's."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._batches: deque[Batch] = deque(maxlen=MAX_BATCHES)

    def add(self, batch: Batch) -> None:
        """Hand over a batch that was committed."""
        with self._lock:
            self._batches.append(batch)

    @property
    def is_empty(self) -> bool:
        """Whether all that was handed over was taken."""
        return not self._batches

    def take(self, cursor: int, bodies_enough: int) -> Step | None:
        """What joins on to `cursor`, in whole batches; None when that must be read from the log."""
        after = cursor
        bodies: list[Opened] = []
        with self._lock:
            while (
                self._batches
                and self._batches[0].log_after <= after
                and len(bodies) < bodies_enough
            ):
                batch = self._batches.popleft()
                if batch.log_after == after:
                    after = batch.log_sequence
                    bodies += batch.bodies
        return None if after == cursor else Step(bodies, [], after)
