"""Alerts kept in memory: what the pages' tests raise and take."""

from threading import Lock

import msgspec

from koffert_hub.alerts.records import Priority
from koffert_hub.alerts.ward import AlertGone, Taken, WardAlert

REASON = {
    "nb": "SpO₂ under 84 % to ganger",
    "nn": "SpO₂ under 84 % to gonger",
    "en": "SpO₂ below 84 % twice",
}


class Board:
    """An `Alerts` without rules; a test raises and clears."""

    def __init__(self) -> None:
        self.version = 0
        self._open: dict[str, WardAlert] = {}
        self._lock = Lock()

    def open_alerts(self) -> tuple[WardAlert, ...]:
        """See `Alerts`."""
        return tuple(self._open.values())

    def acknowledge(self, alert_id: str, username: str, display_name: str, at_ms: int) -> Taken:
        """See `Alerts`."""
        with self._lock:
            alert = self._open.get(alert_id)
            if alert is None:
                raise AlertGone(username)
            if alert.acknowledged_by is not None:
                return Taken(alert, first=False)
            taken = msgspec.structs.replace(
                alert, acknowledged_by=display_name, acknowledged_ms=at_ms
            )
            self._put(taken)
            return Taken(taken, first=True)

    def raise_alert(
        self,
        alert_id: str,
        patient: str,
        priority: Priority,
        *,
        raised_ms: int,
        reason: dict[str, str] | None = None,
        reminds: bool = False,
    ) -> None:
        """Open an alert."""
        with self._lock:
            self._put(
                WardAlert(
                    id=alert_id,
                    patient=patient,
                    priority=priority,
                    reason=reason or REASON,
                    raised_ms=raised_ms,
                    reminds=reminds,
                )
            )

    def clear(self, alert_id: str) -> None:
        """Close an alert."""
        with self._lock:
            self._open = {key: alert for key, alert in self._open.items() if key != alert_id}
            self.version += 1

    def _put(self, alert: WardAlert) -> None:
        self._open = {**self._open, alert.id: alert}
        self.version += 1
