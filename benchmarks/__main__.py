"""`python -m benchmarks [NAME]`: run one benchmark or all of them, each in a process of its own."""

import subprocess
import sys

# In the order of `docs/benchmarks.md`; a module of the same name (with _ for -) holds each.
NAMES = (
    "ingest",
    "boxes",
    "latency",
    "decode",
    "outbox",
    "wire-bytes",
    "footprint",
    "log",
    "trend-query",
    "rebuild",
    "history",
    "alert-cohort",
    "alert-cost",
    "qrs",
    "ppg",
    "codec",
    "still",
    "dashboard",
    "video",
    "video-watchers",
)


def main() -> int:
    """Run what was asked for; returns how many failed."""
    wanted = sys.argv[1:] or list(NAMES)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        module = f"benchmarks.{name.replace('-', '_')}"
        failed += subprocess.run([sys.executable, "-m", module], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
