"""Numbers for Prometheus and a health answer, on a loopback port of their own. No personal data, no device."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.database import reading as open_reading
from koffert_hub.filing import Batch
from koffert_hub.time_series.records import TimeSeries
from koffert_hub.transmission_log import position

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class Sample(NamedTuple):
    """One line of the exposition."""

    name: str
    kind: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


class Counts:
    """What ingest has done since it started."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, batch: Batch) -> None:
        """Count one committed batch."""
        self._counts["batches"] += 1
        self._counts["stored"] += batch.stored
        for answer in batch.answers.values():
            self._counts["receipted"] += len(answer.stored)
            self._counts["retry_later"] += len(answer.retry_later)

    def samples(self) -> Iterable[Sample]:
        """The counters."""
        for name, text in _COUNTERS.items():
            yield Sample(f"koffert_{name}_total", "counter", text, self._counts[name])


_COUNTERS = {
    "batches": "Transactions of ingest.",
    "stored": "Transmissions stored.",
    "receipted": "Transmissions answered as stored, duplicates too.",
    "retry_later": "Transmissions answered as to be sent later.",
}


def stored_samples(engine: sa.Engine, time_series: TimeSeries) -> list[Sample]:
    """What the database says now; blocks."""
    with open_reading(engine) as connection:
        sequence = position(connection).sequence
        held = connection.execute(_HELD).scalar_one()
        alerts = connection.execute(_ALERTS).all()
    lag = max(sequence - time_series.cursor(), 0)
    return [
        Sample("koffert_log_sequence", "gauge", "The last record of the log.", sequence),
        Sample("koffert_time_series_lag", "gauge", "Records not in the time series yet.", lag),
        Sample("koffert_quarantined", "gauge", "Payloads in quarantine.", held),
        *(
            Sample(
                "koffert_technical_alerts",
                "gauge",
                "Open technical alerts.",
                count,
                (("cause", cause),),
            )
            for cause, count in alerts
        ),
    ]


def exposition(samples: Iterable[Sample]) -> str:
    """Prometheus' text format, version 0.0.4; the samples of one name follow each other."""
    lines: list[str] = []
    last = ""
    for sample in samples:
        if sample.name != last:
            lines += [
                f"# HELP {sample.name} {sample.help}",
                f"# TYPE {sample.name} {sample.kind}",
            ]
            last = sample.name
        labels = ",".join(f'{key}="{value}"' for key, value in sample.labels)
        lines.append(f"{sample.name}{{{labels}}} {sample.value!r}" if labels else _bare(sample))
    return "\n".join([*lines, ""])


class MetricsApp:
    """An ASGI app with two pages: /metrics and /healthz (503 while a lane does not listen).

    `read` adds to the process' own counts and may block.
    """

    def __init__(
        self,
        counts: Counts,
        read: Callable[[], list[Sample]],
        is_healthy: Callable[[], bool],
    ) -> None:
        self._counts = counts
        self._read = read
        self._is_healthy = is_healthy

    async def __call__(self, scope: _Message, _receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        path = scope.get("path")
        if path == "/metrics":
            stored = await asyncio.to_thread(self._read)
            await _answer(send, 200, exposition([*self._counts.samples(), *stored]))
        elif path == "/healthz":
            healthy = self._is_healthy()
            await _answer(send, 200 if healthy else 503, "ok\n" if healthy else "not listening\n")
        else:
            await _answer(send, 404, "")


_HELD = (
    sa.select(sa.func.count())
    .select_from(tables.quarantine)
    .where(tables.quarantine.c.requeued_ms.is_(None))
)
_ALERTS = (
    sa.select(tables.technical_alert.c.cause, sa.func.count())
    .where(tables.technical_alert.c.closed_ms.is_(None))
    .group_by(tables.technical_alert.c.cause)
)


def _bare(sample: Sample) -> str:
    return f"{sample.name} {sample.value!r}"


async def _answer(send: _Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
