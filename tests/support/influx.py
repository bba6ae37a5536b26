"""A real InfluxDB 1.6 (Debian's) behind an nginx that gives it the v2 write address."""

import contextlib
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from koffert_cli.daemons import find_daemon
from tests.support.mosquitto import free_port

READY_WITHIN_S = 40.0

# What was deleted leaves the files when a shard that is at rest is compacted: seconds here, hours by default.
_INFLUX = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "1s"
  compact-full-write-cold-duration = "2s"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""

# InfluxDB 1.8 and 2.x answer /api/v2/write themselves; 1.6 knows it as /write.
_NGINX = """worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 32m; client_body_buffer_size 32m;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $arg_precision $unit {{ default "n"; ns "n"; us "u"; ms "ms"; s "s"; }}
  server {{
    listen 127.0.0.1:{front};
    proxy_http_version 1.1; proxy_set_header Authorization "";
    location = /api/v2/write {{
      set $args "db=$arg_bucket&precision=$unit"; rewrite ^ /write break;
      proxy_pass http://127.0.0.1:{port};
    }}
    location / {{ proxy_pass http://127.0.0.1:{port}; }}
  }}
}}
"""


class Influx:
    """One server; `url` speaks the v2 write and the v1 query addresses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._front = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._front}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._buckets = 0
        values = {
            "folder": folder,
            "port": self._port,
            "front": self._front,
            "rpc": free_port(),
        }
        (folder / "influx.conf").write_text(_INFLUX.format(**values))
        (folder / "nginx.conf").write_text(_NGINX.format(**values))

    def start(self) -> None:
        """Start both and wait until they answer."""
        self._start("influxd", "run", "-config", str(self._folder / "influx.conf"))
        log = str(self._folder / "nginx.log")
        self._start("nginx", "-e", log, "-c", str(self._folder / "nginx.conf"))
        for port in (self._port, self._front):
            _wait_for(port)

    @property
    def files(self) -> Iterator[Path]:
        """Everything that it has on the disk of what was written: shards and write-ahead logs."""
        for part in ("data", "wal"):
            yield from (path for path in (self._folder / part).rglob("*") if path.is_file())

    def stop(self) -> None:
        """Kill both, as a power cut would."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def new_bucket(self) -> str:
        """The name of a new, empty database."""
        self._buckets += 1
        name = f"test{self._buckets}"
        query = urllib.parse.urlencode({"q": f"CREATE DATABASE {name}"}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/query", query) as answer:
            answer.read()
        return name

    def _start(self, name: str, *arguments: str) -> None:
        daemon = find_daemon(name)
        with (self._folder / f"{name}.out").open("ab") as out:
            self._processes.append(
                subprocess.Popen(
                    [str(daemon.path), *arguments],
                    env=daemon.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                )
            )


@contextlib.contextmanager
def running_influx(folder: Path) -> Iterator[Influx]:
    """A server for the length of the block."""
    server = Influx(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}")
