"""The schemas in config/ are those of the code, and the example files keep to them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import config_schema
import pytest
from jsonschema import Draft202012Validator

EXAMPLES = (
    ("agent", "agent.example.toml"),
    ("amk", "amk.example.toml"),
    ("hub", "hub.example.toml"),
    ("hub", "scale-out/hub.toml"),
    ("rules", "rules/copd-follow-up.toml"),
)


def validator(root: Path, name: str) -> Draft202012Validator:
    text = (root / "config" / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(text))
    return Draft202012Validator(json.loads(text))


@pytest.mark.parametrize("name", config_schema.FILES)
def test_the_schema_is_current(root: Path, name: str) -> None:
    path = root / "config" / "schema" / f"{name}.schema.json"
    assert path.read_text(encoding="utf-8") == config_schema.schema(name)


@pytest.mark.parametrize(("name", "file"), EXAMPLES)
def test_the_example_keeps_to_it(root: Path, name: str, file: str) -> None:
    text = (root / "config" / file).read_text(encoding="utf-8")
    # JSON has no times of day: there they are texts.
    example = json.loads(json.dumps(tomllib.loads(text), default=str))
    assert [error.message for error in validator(root, name).iter_errors(example)] == []
    assert not validator(root, name).is_valid(example | {"unknown_key": 1})


def test_an_enrolled_box_needs_to_name_its_folder_alone(root: Path) -> None:
    assert validator(root, "agent").is_valid({"data_dir": "data"})
    assert not validator(root, "agent").is_valid({"hub": {"port": 70_000}, "data_dir": "data"})
