"""Write requirements/*.txt and package-lock.json: all pinned and hashed, no index address, no host name.

Run as `make lock`. The hashes come from the package indexes that uv and npm are configured for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup import npm

ROOT = Path(__file__).resolve().parent.parent

# file -> what of pyproject.toml it holds
LOCKS = {
    "dev": (
        *("--extra=agent", "--extra=video", "--extra=panel", "--extra=hub", "--extra=plot"),
        "--group=dev",
    ),
    "agent": ("--extra=agent", "--extra=video", "--extra=panel"),
    "hub": ("--extra=hub",),
    "bench": ("--group=bench",),
    "fuzz": ("--group=fuzz",),
    "suitcase": ("--group=suitcase",),
}
# Extra places that one machine's pip may look in would put its own builds' hashes in the file.
MACHINE_SETTINGS = ("PIP_FIND_LINKS", "UV_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL")


def lock(name: str, *, constraint: str | None = None) -> None:
    """Write one file; `constraint` keeps shared packages at another file's versions."""
    environment = {key: value for key, value in os.environ.items() if key not in MACHINE_SETTINGS}
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"),
        *("--universal", "--python-version=3.11", "--generate-hashes", "--quiet", "--upgrade"),
        *("--no-header", "--no-emit-index-url", "--no-emit-find-links"),
        *((f"--constraint={constraint}",) if constraint else ()),
        *LOCKS[name],
        f"--output-file=requirements/{name}.txt",
    ]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def main() -> None:
    """Lock development first; the others follow its versions, so that what is tested is what ships."""
    lock("dev")
    for name in LOCKS:
        if name != "dev":
            lock(name, constraint="requirements/dev.txt")
    npm("install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts")


if __name__ == "__main__":
    main()
