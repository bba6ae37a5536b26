"""What axe finds on a page against WCAG 2.2 AA."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = "(rules) => axe.run(document, { runOnly: { type: 'tag', values: rules } })"


def violations(page: Page) -> list[str]:
    """One line for each thing that is wrong; the page's profile must have `bare`."""
    found: dict[str, Any] = page.evaluate(_RUN, _RULES)
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
