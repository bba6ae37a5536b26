"""The patient's own plan and a nurse's message, cut into pages that fit one screen in large type. Pure."""

from textwrap import wrap

from msgspec import Struct

from koffert_wire.commands import SelfPlan

# What stands on one page of the smaller panel, measured in the browser test.
_COLUMNS, _LINES = 24, 5


class PlanPage(Struct, frozen=True):
    """A part of one zone: green, yellow or red."""

    zone: str
    lines: tuple[str, ...]


def pages_of(plan: SelfPlan | None) -> tuple[PlanPage, ...]:
    """All pages in the order in which they are read; none without a plan."""
    if plan is None:
        return ()
    zones = (("green", plan.green), ("yellow", plan.yellow), ("red", plan.red))
    return tuple(PlanPage(zone, lines) for zone, text in zones for lines in _cut(text, _LINES))


def pages_of_message(text: str) -> tuple[tuple[str, ...], ...]:
    """A nurse's message in the same way; its title takes a line more."""
    return tuple(_cut(text, _LINES - 1))


def _cut(text: str, most: int) -> list[tuple[str, ...]]:
    """Pages of paragraphs: whole words stay whole where they fit a line at all."""
    cut: list[tuple[str, ...]] = []
    page: list[str] = []
    left = most
    for paragraph in text.splitlines():
        lines = wrap(paragraph, _COLUMNS, break_on_hyphens=False)
        while lines:
            page.append(" ".join(lines[:left]))
            taken, lines = min(left, len(lines)), lines[left:]
            left -= taken
            if left == 0:
                cut.append(tuple(page))
                page, left = [], most
    if page:
        cut.append(tuple(page))
    return [*(_goes_on(one) for one in cut[:-1]), *cut[-1:]]


def _goes_on(page: tuple[str, ...]) -> tuple[str, ...]:
    return *page[:-1], f"{page[-1]} …"
