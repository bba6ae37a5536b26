"""Runs inside the virtual suitcase: waits for a screen of the patient's page and presses one of its buttons.

`finger.py SCREEN BUTTON`: what the page's own script does, for no browser is on the image.
"""

import json
import sys
import time
from http.client import HTTPConnection

# The page's buttons mean nothing in a screen's first moments.
READS_S = 1.0


def main() -> None:
    """Press once, and end."""
    wanted, button = sys.argv[1:]
    events = HTTPConnection("127.0.0.1", 8780)
    events.request("GET", "/events")
    for line in events.getresponse():
        field, _, value = line.decode().strip().partition(": ")
        shown = json.loads(value) if field == "data" and value.startswith("{") else {}
        if shown.get("screen", {}).get("name") == wanted:
            break
    time.sleep(READS_S)
    press = HTTPConnection("127.0.0.1", 8780)
    answer = json.dumps({"serial": shown["serial"], "button": button})
    press.request("POST", "/press", answer, {"Content-Type": "application/json"})
    press.getresponse().read()


if __name__ == "__main__":
    main()
