"""XML that may come from anywhere: no entities, no external files, bounded depth and size."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from koffert_drivers.stills.errors import DamagedStill, TooLarge

# The largest sample has 40 levels and 10,000 elements.
DEEPEST = 200
MOST_ELEMENTS = 500_000


class _Builder:
    """Feeds expat's events into a tree, under local names, and stops at what no cart writes."""

    def __init__(self) -> None:
        self._tree = TreeBuilder()
        self._depth = 0
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > DEEPEST or self._elements > MOST_ELEMENTS:
            raise TooLarge("the XML is deeper or longer than any still")
        plain = {local(key): value for key, value in attributes.items()}
        self._tree.start(local(name), plain)

    def end(self, name: str) -> None:
        self._depth -= 1
        self._tree.end(local(name))

    def data(self, text: str) -> None:
        self._tree.data(text)

    def close(self) -> Element:
        return self._tree.close()


def parse(content: bytes) -> Element:
    """Return the root, with namespaces dropped; raises DamagedStill for what is not well formed.

    Entity declarations are refused, so that nothing can expand; a document type is ignored.
    """
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = _refuse_entity
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat takes no keyword
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError, AssertionError) as error:
        raise DamagedStill("the XML is not well formed") from error


def local(name: str) -> str:
    """Return the name without its namespace."""
    return name.rpartition(" ")[2]


def text(root: Element, path: str) -> str:
    """Return the text at `path`, empty where there is none."""
    return (root.findtext(path) or "").strip()


def attribute(root: Element, path: str, name: str) -> str:
    """Return an attribute of the element at `path`, empty where there is none."""
    found = root.find(path)
    return "" if found is None else found.get(name, "")


def texts(root: Element, path: str) -> Iterator[str]:
    """Return the texts at `path` that are not empty."""
    return (found for element in root.iterfind(path) if (found := (element.text or "").strip()))


def _refuse_entity(*_declaration: object) -> None:
    raise DamagedStill("the XML declares entities")
