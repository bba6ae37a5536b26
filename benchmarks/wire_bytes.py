"""What a patient's day weighs on the link: spot checks, 30 minutes live with pulse wave, a still, five blows.

Each day is sent through a real broker by way of a proxy that counts every byte of MQTT both ways (TLS and TCP
are left out, for they are alike). Koffert's is sealed and authenticated and carries the hub's receipts; the
baselines are open text, one message for the same event, with the broker's PUBACK alone.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.other_encodings import Event, fhir_json, plain_json, senml_json
from benchmarks.report import Baseline, Result, publish
from koffert_agent.clock import NS_PER_S, now
from koffert_drivers.simulated.physiology import pulse_wave
from koffert_hub.filing import Answer, Batch
from koffert_hub.receipts import Due, Receipts
from koffert_wire import documents, downlink, topics
from koffert_wire.downlink import Down, Receipt
from koffert_wire.envelope import SendStamp, stamp_payload
from koffert_wire.messages import Mode, Reading, Spirometry, SpotContext, WaveformBlock
from koffert_wire.mqtt import Endpoint, MqttConnection
from koffert_wire.samples import pack_samples
from koffert_wire.topics import DownKind, Lane
from tests.device_agent.support import DEVICE, LINK_KEY, ManualClock, make_sealer
from tests.signal.synthetic import twelve_leads
from tests.support.chaos import ChaosProxy
from tests.support.mosquitto import plain_mosquitto

SPOTS, LIVE_S, BLOWS = 4, 30 * 60, 5
PPG_HZ, BLOW_HZ, BLOW_S = 60, 100, 6
STEPS_PER_MV = 400
IN_FLIGHT = 50
LOAN = "loan-1"


class Publish(NamedTuple):
    """One message on the link."""

    topic: str
    payload: bytes
    qos: int = 1


class Day:
    """The same day at each run; `events` without the still."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sealer = make_sealer(self.clock, LOAN)
        self._random = random.Random(1)  # noqa: S311 - reproducible on purpose
        self.events: list[Reading | WaveformBlock | Spirometry] = [*self._measured()]
        digits = np.rint(twelve_leads() * STEPS_PER_MV).astype(int)
        leads = "".join(f"<digits>{' '.join(map(str, lead))}</digits>\n" for lead in digits)
        self.still = f"<AnnotatedECG>{leads}</AnnotatedECG>".encode()

    def _measured(self) -> Iterator[Reading | WaveformBlock | Spirometry]:
        for _ in range(SPOTS):
            self.clock.advance(4 * 3600)
            yield self._reading(Mode.SPOT)
        for second in range(LIVE_S):
            self.clock.advance(1)
            yield self._reading(Mode.CONTINUOUS)
            beats = [(second + sample / PPG_HZ) * 72 / 60 for sample in range(PPG_HZ)]
            noise = self._random.randint
            yield self._block(
                "ppg", PPG_HZ, [round(100 * pulse_wave(b)) + noise(-1, 1) for b in beats]
            )
        curves = [self._blow() for _ in range(BLOWS)]
        yield from curves
        values: dict[str, float | None] = {"fev1_l": 1.42, "fvc_l": 2.71, "pef_l_s": 4.13}
        yield Spirometry(
            self.sealer.new_id(),
            now(self.clock),
            "contec-sp10",
            None,
            values,
            "B",
            "B",
            BLOWS,
            tuple(curve.id for curve in curves),
        )

    def _reading(self, mode: Mode) -> Reading:
        chance = self._random
        values = {
            "spo2_pct": float(chance.randint(90, 94)),
            "pulse_bpm": float(chance.randint(70, 80)),
            "pai_pct": chance.randint(20, 60) / 10,
        }
        context = (
            SpotContext(0.0, at_rest=True, reliever_before=False, by_patient=True)
            if mode is Mode.SPOT
            else None
        )
        return Reading(
            self.sealer.new_id(),
            now(self.clock),
            "contec-v7",
            None,
            mode,
            {**values},
            1.0,
            (),
            context,
        )

    def _blow(self) -> WaveformBlock:
        times_s = np.arange(BLOW_S * BLOW_HZ) / BLOW_HZ
        volume_ml = 2_900 * (1 - np.exp(-times_s / self._random.uniform(0.8, 1.0)))
        return self._block("volume", BLOW_HZ, [round(each) for each in volume_ml])

    def _block(self, waveform: str, rate_hz: float, samples: list[int]) -> WaveformBlock:
        codec, packed = pack_samples(samples)
        return WaveformBlock(
            self.sealer.new_id(),
            now(self.clock),
            "contec-v7",
            None,
            waveform,
            rate_hz,
            len(samples),
            codec,
            packed,
        )


def koffert(day: Day) -> Iterator[Publish]:
    """As the box sends it, and the hub's receipts, which wait for each other as they do there."""
    at = now(day.clock)
    receipts = Receipts()
    still = documents.split(
        day.still, at=at, kind="aecg", media_type="text/xml", new_id=day.sealer.new_id
    )
    for sequence, message in enumerate([*day.events, *still]):
        lane = Lane.VITALS if isinstance(message, Reading | Spirometry) else Lane.BULK
        draft = day.sealer.draft(lane, [message])
        stamp = SendStamp(day.clock.boot_id, at, dict.fromkeys(Lane, sequence))
        payload = stamp_payload(draft.seal(b"o" * 16, sequence), stamp, LINK_KEY)
        at_s = message.at.boottime_ns / NS_PER_S
        yield from (_receipt(day, due) for due in receipts.due(at_s))
        yield Publish(topics.up(DEVICE, lane), payload)
        answer, log = Answer([draft.id], []), (b"e" * 16, sequence, os.urandom(32))
        batch = Batch({DEVICE: answer}, *log, {DEVICE: LINK_KEY}, 1)
        told = receipts.add(batch, {DEVICE: len(payload)}, at_s, at_once=False)
        yield from (_receipt(day, due) for due in told)
    yield from (_receipt(day, due) for due in receipts.due(inf))


def _receipt(day: Day, due: Due) -> Publish:
    told = Receipt(due.epoch, due.log_sequence, due.log_head, tuple(due.answer.stored))
    body = downlink.encode_receipt(told)
    down = Down(DownKind.RECEIPT, day.sealer.new_id(), day.clock.wall, body)
    answer = downlink.encode_down(down, DEVICE, LINK_KEY)
    return Publish(topics.down(DEVICE, DownKind.RECEIPT), answer, qos=0)


def other(day: Day, encode: Callable[[Event, str, str], object]) -> Iterator[Publish]:
    """What another encoding makes of the same events, one for one."""
    for event in [*day.events, day.still]:
        payload = msgspec.json.encode(encode(event, DEVICE, LOAN))
        yield Publish(f"koffert/{DEVICE}/telemetry", payload)


async def weigh(day: Sequence[Publish], folder: Path) -> int:
    """Bytes of MQTT both ways. A receipt is sent by the box too here: it weighs the same in either direction."""
    with plain_mosquitto(folder) as broker:
        async with ChaosProxy(broker.port) as proxy:
            endpoint = Endpoint("127.0.0.1", proxy.port, DEVICE)
            link = MqttConnection(endpoint, on_message=lambda _: None)
            await link.open()
            for start in range(0, len(day), IN_FLIGHT):
                some = day[start : start + IN_FLIGHT]
                sent = [link.publish(one.topic, one.payload, qos=one.qos) for one in some]
                await asyncio.gather(*sent)
            await link.close()
            return proxy.passed_bytes


def main() -> None:
    """Weigh the day four times and publish."""
    day = Day()
    said = {
        "koffert": [*koffert(day)],
        "json": [*other(day, plain_json)],
        "senml_json": [*other(day, senml_json)],
        "fhir_json": [*other(day, fhir_json)],
    }
    with tempfile.TemporaryDirectory() as folder:
        bytes_of = {name: asyncio.run(weigh(one, Path(folder))) for name, one in said.items()}
        up_only = [one for one in said["koffert"] if one.qos]
        bytes_of["without_receipts"] = asyncio.run(weigh(up_only, Path(folder)))
    value, baseline = bytes_of.pop("koffert"), bytes_of.pop("json")
    publish(
        Result(
            name="wire-bytes",
            value=value,
            unit="bytes a patient-day, sealed, with receipts",
            baseline=Baseline("open JSON over the same MQTT", baseline),
            ratio=value / baseline,
            detail={f"{name}_bytes": float(each) for name, each in bytes_of.items()}
            | {f"ratio_to_{name}": value / bytes_of[name] for name in ("senml_json", "fhir_json")},
        )
    )


if __name__ == "__main__":
    main()
