"""What is delivered is listed, with a licence that may be delivered."""

from __future__ import annotations

import json
from pathlib import Path

import bill_of_materials
import pytest

# Licences that leave a hospital free to run, change and pass on what it has; nothing of AGPL or GPL alone.
ALLOWED = (
    "MIT",
    "BSD",
    "Apache",
    "ISC",
    "PSF",
    "MPL-2.0",
    "LGPL-2.1",
    "LGPL-3.0",
    "0BSD",
    "any-OSI",
    "EPL-2.0 OR",
)


def test_the_page_of_licences_is_current() -> None:
    deliveries = {name: bill_of_materials.delivery(name) for name in bill_of_materials.DELIVERIES}
    assert bill_of_materials.PAGE.read_text(encoding="utf-8") == bill_of_materials.page(deliveries)


@pytest.mark.parametrize("name", bill_of_materials.DELIVERIES)
def test_the_bill_names_each_locked_package_once(name: str, root: Path) -> None:
    packages = bill_of_materials.delivery(name)
    bill = json.loads(bill_of_materials.bill(name, packages))
    assert bill["specVersion"] == "1.6"
    named = [part["purl"] for part in bill["components"]]
    assert len(named) == len(set(named)) == len(packages) > 20
    lock = (root / "requirements" / f"{name}.txt").read_text()
    assert all(
        f"{part['name']}=={part['version']}" in lock
        for part in bill["components"]
        if part["purl"].startswith("pkg:pypi")
    )
    assert all(part["licenses"] for part in bill["components"])
    assert bill == json.loads(bill_of_materials.bill(name, packages))


@pytest.mark.parametrize("name", bill_of_materials.DELIVERIES)
def test_every_licence_may_be_delivered(name: str) -> None:
    refused = [
        package
        for package in bill_of_materials.delivery(name)
        if not package.licence.startswith(ALLOWED)
    ]
    assert refused == []


def test_a_package_that_names_no_licence_is_an_error() -> None:
    with pytest.raises(bill_of_materials.UnknownLicence):
        bill_of_materials.licence_of(None, None, ["Topic :: Software Development"])
    with pytest.raises(bill_of_materials.UnknownLicence, match="make setup"):
        bill_of_materials.installed_licence("no-such-package")
