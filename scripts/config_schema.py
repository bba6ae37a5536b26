"""Write config/schema/*.json, the JSON Schemas of the settings files, or with --check compare them.

They are generated from the records that the settings are read into, so that an editor can help whoever
writes a file, and a tool can check one without Koffert.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from koffert_agent.settings import AgentFile
from koffert_hub.alerts.rules import RuleSet
from koffert_hub.amk import AmkSettings
from koffert_hub.settings import Settings

SCHEMAS = Path(__file__).resolve().parents[1] / "config" / "schema"

# schema -> what its file is read into
FILES: dict[str, type] = {
    "agent": AgentFile,
    "amk": AmkSettings,
    "hub": Settings,
    "rules": RuleSet,
}

# What enrolment adds to agent.toml by itself need not stand in it.
ADDED_LATER = {"AgentFile": {"device", "hub"}, "HubSettings": None}


def schema(name: str) -> str:
    """The JSON Schema (2020-12) of one settings file."""

    def path_as_text(kind: type) -> dict[str, Any]:
        if kind is not Path:
            raise NotImplementedError(kind)
        return {"type": "string"}

    content = msgspec.json.schema(FILES[name], schema_hook=path_as_text)
    if name == "agent":
        for record, keys in ADDED_LATER.items():
            needed = content["$defs"][record]["required"]
            needed[:] = [] if keys is None else [key for key in needed if key not in keys]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Koffert: {name} settings",
    }
    return json.dumps(head | content, indent=2) + "\n"


def main() -> int:
    """Write the schemas, or with --check say which are not current."""
    if "--check" not in sys.argv[1:]:
        SCHEMAS.mkdir(exist_ok=True)
        for name in FILES:
            (SCHEMAS / f"{name}.schema.json").write_text(schema(name), encoding="utf-8")
        return 0
    old = [
        name
        for name in FILES
        if (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8") != schema(name)
    ]
    if old:
        print(f"not current: {', '.join(old)}; run scripts/config_schema.py")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
