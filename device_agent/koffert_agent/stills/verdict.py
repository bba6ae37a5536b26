"""What a file is, and so what is done with it. Light: reading stills takes numpy, and is imported when one comes."""

from __future__ import annotations

from typing import NamedTuple


class Take(NamedTuple):
    """A still or a page: it goes to the hub. `companions` are the names of the files that it needs."""

    content: bytes
    kind: str
    media_type: str
    companions: tuple[str, ...] = ()


class Wait(NamedTuple):
    """Other files of the recording are not there yet."""


class Damaged(NamedTuple):
    """The bytes contradict themselves: a copy that broke off, or is still under way."""

    reason: str


class Leave(NamedTuple):
    """No still: not ours to touch."""

    reason: str


Verdict = Take | Wait | Damaged | Leave
