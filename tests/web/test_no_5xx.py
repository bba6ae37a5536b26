"""Whatever a request holds, the JSON API answers it or refuses it; it never breaks."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_hub.registry import Role
from koffert_hub.web.app import create_app
from tests.web.hub import Hub, client

# Texts that a URL can hold, numbers at the edges, and what is there.
_VALUE = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.sampled_from(["p-1", "dalane", "spo2_pct", "1", "0", "-1", str(2**63), "nan", "1e400"]),
)
_PLACE = st.sampled_from(["p-1", "dalane", "%00", "%C3%A9", "1"])
# What the register's filter reads by itself.
_FILTER = ("from", "until", "result", "device")
# The stream does not end by itself.
_STREAMS = frozenset({"/api/v1/live", "/api/v1/patients/{patient}/waves"})


@pytest.fixture(scope="module", name="paths")
def fixture_paths(calm_hub: Hub) -> dict[str, Any]:
    described: dict[str, Any] = create_app(calm_hub.services()).openapi()["paths"]
    return described


@pytest.fixture(scope="module", name="visitors")
def fixture_visitors(calm_hub: Hub) -> list[httpx.Client]:
    return [client(calm_hub, role) for role in (Role.NURSE, Role.AMK)]


@settings(
    max_examples=10,
    deadline=None,
)
@given(data=st.data())
def test_no_request_breaks_the_api(
    paths: dict[str, Any], visitors: list[httpx.Client], data: st.DataObject
) -> None:
    for path, methods in paths.items():
        if path in _STREAMS:
            continue
        for method, operation in methods.items():
            stated = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
            names = [*(one["name"] for one in stated), *_FILTER]
            query = {name: data.draw(_VALUE) for name in names}
            address = re.sub(r"\{\w+\}", data.draw(_PLACE), path)
            for visitor in visitors:
                answer = visitor.request(method, address, params=query)
                assert answer.status_code < 500, (method, address, query)
