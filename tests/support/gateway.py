"""An SMS gateway or a webhook on loopback: what `HttpNotifier` posts to. No real one is reached by tests."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    """The server on a thread of its own; yields its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index,misc]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Gateway(BaseHTTPRequestHandler):
    """Takes posts, and answers with what the path says."""

    taken: list[tuple[str | None, dict[str, str]]]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.taken.append((self.headers["Authorization"], json.loads(self.rfile.read(length))))
        self.send_response(int(self.path.removeprefix("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
