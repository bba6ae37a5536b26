"""Runs inside the virtual suitcase: does what the test asks for, as root. The shipped image has no such thing.

One JSON line in, `{"id", "command", "within_s"}`, one out, `{"id", "code", "output"}`, over a virtio port.
"""

import json
import os
import subprocess
import sys
import threading

PORT = "/dev/virtio-ports/koffert.hands"


def answer(request: dict[str, object]) -> dict[str, object]:
    """Run one command in a shell."""
    try:
        done = subprocess.run(  # noqa: S602 - a shell is what is asked for
            str(request["command"]),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=float(str(request["within_s"])),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace")
        return {"id": request["id"], "code": -1, "output": f"{said}\ntook too long"}
    return {
        "id": request["id"],
        "code": done.returncode,
        "output": done.stdout.decode(errors="replace"),
    }


def main() -> None:
    """Serve for ever; each command in a thread, so that a slow one holds up no other."""
    port = os.open(PORT, os.O_RDWR)
    saying = threading.Lock()

    def serve(line: bytes) -> None:
        said = json.dumps(answer(json.loads(line))).encode() + b"\n"
        with saying:
            sent = 0
            while sent < len(said):
                sent += os.write(port, said[sent:])

    with os.fdopen(os.dup(port), "rb", buffering=0) as lines:
        waiting = b""
        while True:
            waiting += lines.read(4096) or sys.exit(0)
            *whole, waiting = waiting.split(b"\n")
            for line in whole:
                threading.Thread(target=serve, args=(line,), daemon=True).start()


if __name__ == "__main__":
    main()
