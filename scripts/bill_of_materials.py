"""Write what a box and a hub are made of: CycloneDX files in dist/ and docs/reference/licences.md.

`--check` says whether the page of licences is current. Versions come from the locks, licences from what
the installed packages say of themselves. Debian's own packages (mosquitto, PostgreSQL) are not in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
DIST = ROOT / "dist"

# What is installed where: the box's lock and the hub's; the pages of the hub bring uPlot along.
DELIVERIES = {"agent": (), "hub": ("uplot",)}

# Packages that name their licence in words of their own, in SPDX's.
SPDX_OF = {
    "BSD": "BSD-3-Clause",
    "OSI Approved :: BSD License": "BSD-3-Clause",
    "OSI Approved :: MIT License": "MIT",
    "OSI Approved :: Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
}

_LICENCE = "License :: "

INTRODUCTION = """\
# Licences of what Koffert is built upon

<!-- Written by scripts/bill_of_materials.py from the locks. Change those, not this page. -->

Koffert itself is under Apache-2.0. Nothing of these packages is copied into the repository: they are installed as their
makers publish them. Those under LGPL and MPL are used unchanged, as packages of their own. `make sbom` writes the same
lists as CycloneDX files.

| Package | Version | Licence | Box | Hub |
|---|---|---|---|---|
"""


class UnknownLicence(Exception):
    """A package does not say under which licence it stands; somebody must look."""


@dataclass(frozen=True, order=True)
class Package:
    """One package as delivered: `kind` is the index that it comes from, pypi or npm."""

    name: str
    version: str
    licence: str
    kind: str = "pypi"


def licence_of(expression: str | None, licence: str | None, classifiers: list[str]) -> str:
    """The licence, in SPDX's words where they are known; raises UnknownLicence."""
    if expression:
        return expression
    said = [text.removeprefix(_LICENCE) for text in classifiers if text.startswith(_LICENCE)]
    # Some packages put the whole text there.
    if licence and "\n" not in licence:
        said.insert(0, licence)
    if not said:
        raise UnknownLicence("does not say its licence")
    return SPDX_OF.get(said[0], said[0])


def installed_licence(name: str) -> str:
    """The licence of an installed package; raises UnknownLicence."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        raise UnknownLicence(f"{name} is not installed: make setup") from None
    expression, licence = (
        str(about[key]) if key in about else None for key in ("License-Expression", "License")
    )
    try:
        return licence_of(expression, licence, about.get_all("Classifier") or [])
    except UnknownLicence as error:
        raise UnknownLicence(f"{name} {error}") from None


def locked(lock: str) -> Iterator[Package]:
    """The packages of one lock that this platform installs."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    for line in re.findall(r"^[a-z0-9].*==[^\\\n]*", text, flags=re.MULTILINE):
        requirement = Requirement(line.strip())
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        pinned = next(iter(requirement.specifier)).version
        yield Package(requirement.name, pinned, installed_licence(requirement.name))


def bundled(names: tuple[str, ...]) -> Iterator[Package]:
    """The npm packages that are in the pages."""
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name in names:
        entry = packages[f"node_modules/{name}"]
        yield Package(name, entry["version"], entry["license"], "npm")


def delivery(name: str) -> list[Package]:
    """All that is in one delivery, in order."""
    return sorted([*locked(name), *bundled(DELIVERIES[name])])


def component(package: Package) -> Component:
    """A package as CycloneDX has it."""
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL(package.kind, None, package.name, package.version),
        bom_ref=f"{package.kind}:{package.name}",
        licenses=[LicenseFactory().make_from_string(package.licence)],
    )


def bill(name: str, packages: list[Package]) -> str:
    """A CycloneDX 1.6 document; the same lock always gives the same text."""
    digest = hashlib.sha256((ROOT / "requirements" / f"{name}.txt").read_bytes()).hexdigest()
    bom = Bom(properties=[Property(name="koffert:lock-sha256", value=digest)])
    bom.metadata.component = Component(
        name=f"koffert-{name}",
        version=version("koffert"),
        type=ComponentType.APPLICATION,
        bom_ref="koffert",
    )
    bom.components.update(map(component, packages))
    bom.register_dependency(bom.metadata.component, bom.components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    # A number drawn and a clock read at each writing would make equal bills differ.
    del document["serialNumber"], document["metadata"]["timestamp"]
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def page(deliveries: dict[str, list[Package]]) -> str:
    """The table of licences, for a person."""
    everything = sorted({package for packages in deliveries.values() for package in packages})
    rows = [
        f"| {package.name} | {package.version} | {package.licence} | "
        + " | ".join("yes" if package in deliveries[name] else "" for name in DELIVERIES)
        + " |\n"
        for package in everything
    ]
    return INTRODUCTION + "".join(rows)


def main() -> int:
    """Write the bills and the page, or with --check compare the page."""
    try:
        deliveries = {name: delivery(name) for name in DELIVERIES}
    except UnknownLicence as error:
        print(error, file=sys.stderr)
        return 1
    text = page(deliveries)
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == text:
            return 0
        print("docs/reference/licences.md is not what the locks say: make sbom")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    DIST.mkdir(exist_ok=True)
    for name, packages in deliveries.items():
        path = DIST / f"koffert-{name}.cdx.json"
        path.write_text(bill(name, packages), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(packages)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
