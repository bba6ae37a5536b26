"""Files that only their owner may read, replaced whole: keys, certificates, what a box was told."""

import contextlib
import os
import secrets
from pathlib import Path


def replace_private(path: Path, data: bytes) -> None:
    """Put `data` at `path` with mode 0600: after a power cut there is the old content or the new."""
    # Its own name, so that two writers never share a half-written file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
