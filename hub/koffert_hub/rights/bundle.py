"""Where a copy of a record is written: a folder, or one zip file; only its owner may read either."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

# Opens the next file of the copy, by its path with slashes.
OpenFile = Callable[[str], AbstractContextManager[IO[bytes]]]


@contextmanager
def bundle(path: Path) -> Iterator[OpenFile]:
    """A zip file where `path` ends in .zip, else a folder. FileExistsError when it is there already."""
    if path.suffix == ".zip":
        with _new_file(path) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            yield lambda name: archive.open(name, "w", force_zip64=True)
    else:
        path.mkdir(mode=0o700)
        yield lambda name: _in_folder(path, name)


def _in_folder(folder: Path, name: str) -> IO[bytes]:
    path = folder / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return _new_file(path)


def _new_file(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
