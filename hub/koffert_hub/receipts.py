"""When a box is told what was committed: at once, or together with what follows; and how fast it may drain. Pure.

A receipt of its own for each reading weighs as much as the reading. A box that streams is told every fourth
second; one that drains is told as its window needs it, and what it may send divides what all may.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from koffert_hub.filing import Answer, Batch
from koffert_wire.errors import Reason

# A streaming box hears of this much time at once. The kiosk's «Sendt» waits as long at the most.
HOLD_S = 4.0
# Half of what a box has under way at the least (its window's floor is 8 kB): a drain never waits for a receipt.
_HELD_BYTES = 4 * 1024
# What all boxes' backlogs may bring a worker each second: about half of what one takes in.
DRAIN_BYTES_S = 500_000
# The least that a box is given, so that each backlog moves.
_LEAST_BYTES_S = 500
# A box that sent nothing old for so long has drained.
_DRAINED_AFTER_S = 10.0


class Due(NamedTuple):
    """What to tell one box now, and the log as the newest commit of the box left it.

    `drain_bytes_s` is None where it has nothing old to send.
    """

    device: str
    link_key: bytes
    answer: Answer
    epoch: bytes
    log_sequence: int
    log_head: bytes
    drain_bytes_s: int | None


class _Held(Struct):
    """What one box has not been told yet."""

    link_key: bytes
    newest: Batch
    at_once: bool = False
    weight_bytes: int = 0
    stored: list[bytes] = field(default_factory=list)
    retry_later: list[tuple[bytes, Reason]] = field(default_factory=list)


class Receipts:
    """What boxes are still to be told. Times are the loop's."""

    def __init__(self, drain_bytes_s: int = DRAIN_BYTES_S) -> None:
        self._drain_bytes_s = drain_bytes_s
        self._held: dict[str, _Held] = {}
        self._told_s: dict[str, float] = {}
        self._drains_until_s: dict[str, float] = {}

    def add(
        self, batch: Batch, weights_bytes: Mapping[str, int], now_s: float, *, at_once: bool
    ) -> list[Due]:
        """Note what a commit leads to; returns what is to be told now."""
        for device, answer in batch.answers.items():
            link_key = batch.link_keys.get(device)
            if link_key is None:
                continue
            held = self._held.setdefault(device, _Held(link_key, batch))
            held.link_key = link_key
            held.newest = max(held.newest, batch, key=lambda each: each.log_sequence)
            held.stored += answer.stored
            held.retry_later += answer.retry_later
            held.weight_bytes += weights_bytes.get(device, 0)
            # Nothing streams where nothing is lent, and a box that stops waits for its last receipt.
            at_once_here = at_once or device in batch.idle or bool(answer.retry_later)
            held.at_once = held.at_once or at_once_here
        self._drains_until_s |= dict.fromkeys(batch.draining, now_s + _DRAINED_AFTER_S)
        return self._tell(batch.answers, now_s)

    def due(self, now_s: float) -> list[Due]:
        """What has been held for long enough; what nobody needs any more is forgotten."""
        self._told_s = {
            device: told_s for device, told_s in self._told_s.items() if told_s + HOLD_S > now_s
        }
        self._drains_until_s = {
            device: until_s for device, until_s in self._drains_until_s.items() if until_s > now_s
        }
        return self._tell(list(self._held), now_s)

    def _tell(self, devices: Iterable[str], now_s: float) -> list[Due]:
        share = self._drain_bytes_s // max(len(self._drains_until_s), 1)
        due: list[Due] = []
        for device in devices:
            held = self._held.get(device)
            if held is None or not self._is_due(device, held, now_s):
                continue
            del self._held[device]
            self._told_s[device] = now_s
            pace = max(share, _LEAST_BYTES_S) if device in self._drains_until_s else None
            answer = Answer(held.stored, held.retry_later)
            log = (held.newest.epoch, held.newest.log_sequence, held.newest.log_head)
            due.append(Due(device, held.link_key, answer, *log, pace))
        return due

    def _is_due(self, device: str, held: _Held, now_s: float) -> bool:
        told_s = self._told_s.get(device, float("-inf"))
        return held.at_once or held.weight_bytes >= _HELD_BYTES or told_s + HOLD_S <= now_s
