"""Runs inside the virtual suitcase: fetches what the patient's page says now; prints a line for each sentence.

`<sample rate> <samples> <loudest sample>`, as the page's own script would hear it.
"""

import io
import json
import wave
from array import array
from http.client import HTTPConnection


def get(path: str) -> HTTPConnection:
    """Ask the page's own server."""
    connection = HTTPConnection("127.0.0.1", 8780)
    connection.request("GET", path)
    return connection


def main() -> None:
    """The clips of the present screen."""
    lines = (line.decode() for line in get("/events").getresponse())
    shown = next(json.loads(line[6:]) for line in lines if line.startswith("data: {"))
    for clip in shown["clips"]:
        said = get(clip).getresponse().read()
        # What espeak-ng writes to a pipe claims an endless length.
        with wave.open(io.BytesIO(said)) as sound:
            rate_hz = sound.getframerate()
        samples = array("h", said[44 : 44 + (len(said) - 44) // 2 * 2])
        print(rate_hz, len(samples), max(map(abs, samples)))


if __name__ == "__main__":
    main()
