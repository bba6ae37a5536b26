"""The built scripts and styles, read once and served from memory under names that change with them."""

import gzip
import hashlib
import mimetypes
from importlib import resources
from typing import Self

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

_SERVED = (".js", ".css", ".txt", ".svg")
# The address carries the content's hash, so it may be kept for as long as a browser likes.
_KEEP = "public, max-age=31536000, immutable"


class Asset(Struct, frozen=True):
    """One built file."""

    content: bytes
    packed: bytes
    media_type: str
    version: str


class Assets(Struct, frozen=True):
    """Built files by name."""

    files: dict[str, Asset]

    @classmethod
    def load(cls) -> Self:
        """Read what the bundler wrote; RuntimeError when it has not run."""
        folder = resources.files("koffert_hub") / "static"
        if not folder.is_dir():
            raise RuntimeError("the web pages are not built: run `make setup`")
        names = [file.name for file in folder.iterdir() if file.name.endswith(_SERVED)]
        return cls({name: _asset(name, (folder / name).read_bytes()) for name in names})

    def url(self, name: str) -> str:
        """The address of a built file in a page; KeyError when it was not built."""
        return f"/static/{name}?v={self.files[name].version}"

    def response(self, name: str, request: Request) -> Response:
        """The file, packed where the browser takes that."""
        asset = self.files.get(name)
        if asset is None:
            return Response(status_code=404)
        headers = {"Cache-Control": _KEEP, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.packed, media_type=asset.media_type, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)


def _asset(name: str, content: bytes) -> Asset:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(content, gzip.compress(content, mtime=0), media_type, version)
