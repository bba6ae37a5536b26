"""Runs inside the virtual suitcase: waits until the patient's page offers a button and presses it.

`finger.py BUTTON`: what the page's own script does, for no browser is on the image.
"""

import json
import sys
import time
from http.client import HTTPConnection

# The page's buttons mean nothing in a screen's first moments.
READS_S = 1.0


def offers(screen: dict[str, object], button: str) -> bool:
    """A call that has been answered can be ended on every screen."""
    if button == "hang-up":
        return screen["hang_up"] is not None and not screen["rings"]
    buttons = screen["buttons"]
    assert isinstance(buttons, list)
    return button in {one["event"] for one in buttons}


def main() -> None:
    """Press once, and end."""
    [button] = sys.argv[1:]
    events = HTTPConnection("127.0.0.1", 8780)
    events.request("GET", "/events")
    for line in events.getresponse():
        field, _, value = line.decode().strip().partition(": ")
        shown = json.loads(value) if field == "data" and value.startswith("{") else {}
        if "screen" in shown and offers(shown["screen"], button):
            break
    time.sleep(READS_S)
    press = HTTPConnection("127.0.0.1", 8780)
    answer = json.dumps({"serial": shown["serial"], "button": button})
    press.request("POST", "/press", answer, {"Content-Type": "application/json"})
    press.getresponse().read()


if __name__ == "__main__":
    main()
