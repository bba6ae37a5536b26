"""The hours and telephones of a centre as the hub's file says now: a changed roster must not wait for a restart."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from koffert_hub.alerts.opening import AlertSettings

_LOG = logging.getLogger(__name__)
_FOLLOWED = ("staffing", "telephone", "named_telephone")


class StandingSettings:
    """Reads `path` again when it has changed; one object in one thread.

    Only hours and telephones follow: other rules want a doctor's signature, other providers a new start. A file that
    cannot be read changes nothing, and is complained of once.
    """

    def __init__(
        self,
        settings: AlertSettings,
        path: Path,
        read: Callable[[Path], AlertSettings | None],
        unreadable: type[Exception],
    ) -> None:
        self._settings = settings
        self._path = path
        self._read = read
        self._unreadable = unreadable
        self._seen_ns = self._changed_ns()

    def __call__(self) -> AlertSettings:
        """What holds now; the same object for as long as nothing has changed."""
        changed_ns = self._changed_ns()
        if changed_ns != self._seen_ns:
            self._seen_ns = changed_ns
            self._follow()
        return self._settings

    def _follow(self) -> None:
        try:
            read = self._read(self._path)
        except self._unreadable as error:
            _LOG.error("hours and telephones stay as they were: %s", error)
            return
        if read is not None:
            changed = {name: getattr(read, name) for name in _FOLLOWED}
            self._settings = msgspec.structs.replace(self._settings, **changed)
            _LOG.info("hours and telephones were read again")

    def _changed_ns(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0
