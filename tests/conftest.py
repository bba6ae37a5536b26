"""What tests of every folder share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from tests.support.mosquitto import free_port as unused_port

# A busy machine makes no example wrong. CI tries the same examples each time; a person's runs try new ones.
hypothesis.settings.register_profile(
    "koffert",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("koffert")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Measured vectors and recordings, kept beside the repository and not in it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder `shared` beside the repository: its vectors were not compared")
    return folder


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on."""
    return unused_port()
