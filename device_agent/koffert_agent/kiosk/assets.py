"""The page and what it loads, read once."""

import html
import mimetypes
from collections.abc import Mapping
from importlib import resources
from string import Template
from types import MappingProxyType

from msgspec import Struct

from koffert_agent.kiosk.catalogue import Catalogue

_PACKAGE = "koffert_agent.kiosk"
_SERVED = (".js", ".css")


class Asset(Struct, frozen=True):
    """One built file."""

    content: bytes
    media_type: str


def load_assets() -> Mapping[str, Asset]:
    """What the bundler wrote, by name; RuntimeError when it has not run."""
    folder = resources.files(_PACKAGE) / "static"
    if not folder.is_dir():
        raise RuntimeError("the kiosk's page is not built: run `make setup`")
    files = [file for file in folder.iterdir() if file.name.endswith(_SERVED)]
    return MappingProxyType(
        {file.name: Asset(file.read_bytes(), _media_type(file.name)) for file in files}
    )


def page(texts: Catalogue) -> str:
    """The one page; until the first screen has come it says that the box gets ready."""
    template = Template((resources.files(_PACKAGE) / "page.html").read_text("utf-8"))
    return template.substitute(
        language=texts.language,
        title=html.escape(texts.text("starting.title")),
        what_next=html.escape(texts.text("starting.what_next")),
        danger=html.escape(texts.text("truth.danger")),
    )


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
