"""One outbox as the sender sees it on one link: what is live, what is backlog, what has been taken."""

from collections import deque
from collections.abc import Callable

from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Batch
from koffert_agent.send_window import STREAMS, Stream

# A row that could not be sent for this long is no longer live: newer ones go before it.
_LIVE_S = 5.0


class Source:
    """Reads an outbox stream by stream, each row once per link unless it is asked for again."""

    def __init__(self, outbox: Outbox, now_s: float) -> None:
        self.outbox = outbox
        self._taken = dict.fromkeys(STREAMS, 0)
        self._live_from = outbox.last_number
        self._newest: deque[tuple[float, int]] = deque([(now_s, outbox.last_number)])

    def age(self, now_s: float) -> None:
        """Let what has waited too long join the backlog."""
        if self._newest[-1][1] < self.outbox.last_number:
            self._newest.append((now_s, self.outbox.last_number))
        while self._newest[0][0] < now_s - _LIVE_S and len(self._newest) > 1:
            self._live_from = self._newest.popleft()[1]

    def rewind(self) -> None:
        """Read the backlog once more from its start: old rows are queued again."""
        self._taken = dict.fromkeys(STREAMS, 0)

    async def take(self, stream: Stream, most: int, skip: Callable[[int], bool]) -> Batch:
        """The next rows of `stream`; rows for which `skip` holds are passed over."""
        while True:
            after, up_to = self._bounds(stream)
            if after >= up_to:
                return Batch([], {})
            batch = await self.outbox.queued(stream.lane, after, up_to, most)
            fresh = [row for row in batch.rows if not skip(row.number)]
            if not batch.rows:
                self._taken[stream] = up_to
            elif not fresh:
                self._taken[stream] = batch.rows[-1].number
            else:
                return batch._replace(rows=fresh)

    def sent(self, stream: Stream, number: int) -> None:
        """The rows of `stream` up to `number` have been taken."""
        self._taken[stream] = number

    def _bounds(self, stream: Stream) -> tuple[int, int]:
        if stream.live:
            return max(self._taken[stream], self._live_from), self.outbox.last_number
        return self._taken[stream], self._live_from
