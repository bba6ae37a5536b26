"""The technical alerts of one batch: gathered, then raised once each."""

from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub.ingest import Refuse
from koffert_hub.technical_alerts import Cause, raise_alert


class _Pending(NamedTuple):
    detail: str
    times: int
    refusal: Refuse | None


class AlertBook:
    """Counts alerts by device and cause within the caller's transaction."""

    def __init__(self, connection: sa.Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._pending: dict[tuple[str, Cause], _Pending] = {}

    def add(
        self,
        device: str,
        cause: Cause,
        detail: str,
        *,
        count: int = 1,
        refusal: Refuse | None = None,
    ) -> None:
        """Note one more of this cause."""
        known = self._pending.get((device, cause))
        total = count + (known.times if known else 0)
        self._pending[device, cause] = _Pending(detail, total, refusal)

    def raise_all(self) -> list[Refuse]:
        """Raise what was noted; returns the refusals whose alert was not open before.

        Only those are logged: a box that tries again each hour must not fill the register.
        """
        new: list[Refuse] = []
        for (device, cause), alert in self._pending.items():
            opened = raise_alert(
                self._connection,
                device,
                cause,
                alert.detail,
                now_ms=self._now_ms,
                count=alert.times,
            )
            if opened and alert.refusal is not None:
                new.append(alert.refusal)
        return new
