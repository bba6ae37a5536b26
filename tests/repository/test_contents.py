"""What tracked files may hold."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

# Spelled in two parts, so that this file does not accuse itself.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:wor[k]|roo[t]|opt/whe[e]ls|home/\w+)/"),
    "a package index or mirror": re.compile(
        r"pypi\.or[g]|pythonhoste[d]|registry\.npmj[s]|deb\.debia[n]|security\.debia[n]"
    ),
    "work left for later": re.compile(
        r"(?:#|//|/\*|<!--)\s*(?:TOD[O]|FIXM[E]|XX[X])\b|(?<!\.)\b(?:TOD[O]|FIXM[E])[:(]"
    ),
}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@cache
def tracked_texts(root: Path) -> dict[str, str]:
    """Return the text of every tracked file that is text and still there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        path = root / name
        content = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in content:
            texts[name] = content.decode()
    return texts


@pytest.mark.parametrize("what", FORBIDDEN)
def test_tracked_files_are_free_of(root: Path, what: str) -> None:
    found = [
        f"{name}:{number}"
        for name, text in tracked_texts(root).items()
        for number, line in enumerate(text.splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


def test_markdown_links_resolve(root: Path) -> None:
    broken = []
    for name, text in tracked_texts(root).items():
        if not name.endswith(".md"):
            continue
        for match in LINK.finditer(text):
            target = unquote(match["target"].partition("#")[0])
            if target and "://" not in target and not target.startswith("mailto:"):
                path = (root / name).parent / target
                broken += [] if path.exists() else [f"{name}: {target}"]
    assert broken == []


def test_decision_records_are_numbered_once_and_dated(root: Path) -> None:
    records = sorted((root / "docs" / "decisions").glob("*.md"))
    numbers = [record.name[:4] for record in records]
    assert all(number.isdigit() for number in numbers)
    assert len(set(numbers)) == len(numbers)
    for record in records:
        text = record.read_text()
        for part in (r"^- Date: \d{4}-\d\d-\d\d$", r"^- Status: \w+", r"^## Alternatives$"):
            assert re.search(part, text, re.MULTILINE), f"{record.name} lacks {part}"


def test_readme_names_only_targets_of_the_makefile(root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", (root / "README.md").read_text()))
    assert {"demo", "test"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_the_index_of_the_documentation_is_complete(root: Path) -> None:
    docs = root / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} - {"index.md"}
    assert {page for page in pages if f"({page})" not in index} == set()
