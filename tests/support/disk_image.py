"""An SD card as a thief or the next user's finder has it: an ext4 file system in an image, with its free blocks and journal."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_SIZE = "64M"


@contextlib.contextmanager
def disk_image(image: Path, folder: Path) -> Iterator[bool]:
    """`folder` on a file system in `image`, which is whole when the block has ended.

    Gives whether it is mounted: where this user may not mount, the image is made of the files alone at the end, without
    the blocks that they have left behind.
    """
    folder.mkdir(parents=True)
    _run("mke2fs", "-q", "-t", "ext4", "-b", "4096", str(image), _SIZE)
    mounted = os.geteuid() == 0 and _mounts(image, folder)
    try:
        yield mounted
    finally:
        if mounted:
            _run("umount", str(folder))
        else:
            _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(folder), str(image), _SIZE)


def _mounts(image: Path, folder: Path) -> bool:
    command = ["mount", "-o", "loop", str(image), str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _run(*command: str) -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
