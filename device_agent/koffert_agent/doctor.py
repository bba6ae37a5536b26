"""Looks at everything that a box needs and says what to mend first. Changes nothing."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from msgspec import Struct

from koffert_agent import disk
from koffert_agent.clock import Clock
from koffert_agent.settings import Settings
from koffert_agent.status import NotRunningError, Status, ask
from koffert_agent.uplink import LinkState
from koffert_wire.mqtt import MqttConnection, MqttError, MqttReason, TlsFiles

# The outbox's own quota is the usual bound; with less than this the disk is the tighter one.
_LITTLE_SPACE_BYTES = 256 * 1024 * 1024
# A box renews from day 10 of 30 on; half a reserve left means that renewing does not work.
_RENEWAL_OVERDUE = timedelta(days=10)
# Before this software existed no clock can have been right.
_NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
_BROKER_TIMEOUT_S = 10.0


class Verdict(StrEnum):
    """`warning`: works without it, for now or for some meters."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(Struct, frozen=True):
    """One thing looked at; `fix` is what to do about it, empty when all is well."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""


async def examine(settings: Settings, clock: Clock, system: Path = Path("/")) -> list[Finding]:
    """Everything, in the order in which it should be mended. `system` is the root of /dev and /sys."""
    running = await _running(settings)
    findings = [_disk_space(settings), _disk_speed(settings), _clock(clock)]
    findings += _certificate(settings.endpoint.tls)
    findings.append(await _broker(settings, running))
    findings += [_port(sensor.port) for sensor in settings.sensors if sensor.port]
    findings += [_agent(running), _adapter(system), _camera(system)]
    return findings


def first_to_mend(findings: list[Finding]) -> Finding | None:
    """The one to begin with; None when the box is ready."""
    return next((each for each in findings if each.verdict is Verdict.FAILED), None)


async def _running(settings: Settings) -> Status | None:
    try:
        return await ask(settings.data_dir)
    except NotRunningError:
        return None


def _agent(running: Status | None) -> Finding:
    if running is None:
        fix = "systemctl start koffert-agent"
        return Finding("agent", Verdict.WARNING, "does not run", fix)
    queued = sum(lane.queued for lane in running.queue.values())
    return Finding("agent", Verdict.OK, f"runs, {queued} queued")


def _disk_space(settings: Settings) -> Finding:
    folder = _nearest(settings.data_dir)
    if not os.access(folder, os.W_OK):
        fix = f"give the agent's user the right to write in {folder}"
        return Finding("disk", Verdict.FAILED, f"{folder} cannot be written", fix)
    free_bytes = disk.free_bytes(folder)
    detail = f"{free_bytes / 2**20:.0f} MiB free in {folder}"
    if free_bytes < _LITTLE_SPACE_BYTES:
        return Finding("disk", Verdict.FAILED, detail, "make room on this disk")
    return Finding("disk", Verdict.OK, detail)


def _disk_speed(settings: Settings) -> Finding:
    try:
        sync_s = disk.measure_sync_s(_nearest(settings.data_dir))
    except OSError as error:
        fix = "look at the disk's health in the system's log"
        return Finding("disk sync", Verdict.FAILED, str(error), fix)
    detail = f"a durable write takes {sync_s * 1000:.1f} ms"
    if sync_s > disk.SLOW_SYNC_S:
        return Finding("disk sync", Verdict.WARNING, detail, "use a faster card or an SSD")
    return Finding("disk sync", Verdict.OK, detail)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that exists: the agent makes the rest."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _clock(clock: Clock) -> Finding:
    wall = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
    detail = f"{wall:%Y-%m-%d %H:%M:%S} UTC"
    if wall < _NOT_BEFORE:
        fix = "let the box reach a time server, or set the clock"
        return Finding("clock", Verdict.FAILED, f"{detail} cannot be right", fix)
    if not clock.wall_trusted():
        fix = "check that a time service runs (timedatectl)"
        return Finding("clock", Verdict.WARNING, f"{detail}, not set by a time service", fix)
    return Finding("clock", Verdict.OK, detail)


def _certificate(files: TlsFiles | None) -> Iterator[Finding]:
    if files is None:
        return
    renew = "koffert device reissue, then copy the new files to the box"
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = load_pem_private_key(files.key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        yield Finding("certificate", Verdict.FAILED, str(error), renew)
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        yield Finding("certificate", Verdict.FAILED, "its key is another one's", renew)
        return
    yield _validity(certificate, renew)


def _validity(certificate: x509.Certificate, renew: str) -> Finding:
    today, end = datetime.now(UTC), certificate.not_valid_after_utc
    if end < today:
        return Finding("certificate", Verdict.FAILED, f"expired {end:%Y-%m-%d}", renew)
    if certificate.not_valid_before_utc > today:
        fix = "set the clock; if it is right, " + renew
        start = certificate.not_valid_before_utc
        return Finding("certificate", Verdict.FAILED, f"valid only from {start:%Y-%m-%d}", fix)
    if end - today < _RENEWAL_OVERDUE:
        return Finding("certificate", Verdict.WARNING, f"expires {end:%Y-%m-%d}", renew)
    return Finding("certificate", Verdict.OK, f"valid until {end:%Y-%m-%d}")


_BROKER_FIXES = {
    MqttReason.UNREACHABLE: "check the network, then the host and port in the settings",
    MqttReason.TIMEOUT: "check the network, then the host and port in the settings",
    MqttReason.TLS: "check the certificate files, and that the device is not revoked",
    MqttReason.REFUSED: "check at the centre that this device is known and not revoked",
    MqttReason.LOST: "check at the centre that this device is known and not revoked",
}


async def _broker(settings: Settings, running: Status | None) -> Finding:
    endpoint = settings.endpoint
    where = f"{endpoint.host}:{endpoint.port}"
    if running is not None:
        return _link(running, where)  # a second connection of this identity would end the first
    connection = MqttConnection(endpoint, on_message=lambda _: None)
    try:
        await connection.open(_BROKER_TIMEOUT_S)
    except MqttError as error:
        fix = _BROKER_FIXES.get(error.reason, "see the broker's log")
        return Finding("broker", Verdict.FAILED, f"{where}: {error}", fix)
    finally:
        await connection.close()
    return Finding("broker", Verdict.OK, f"{where} lets this box in")


def _link(running: Status, where: str) -> Finding:
    if running.link.link is LinkState.UP:
        return Finding("broker", Verdict.OK, f"{where}, up for {running.link.since_s:.0f} s")
    detail = f"{where}: {running.link.last_error or 'not tried yet'}"
    return Finding("broker", Verdict.FAILED, detail, "check the network, then the settings")


def _port(port: str) -> Finding:
    name, path = f"port {port}", Path(port)
    if not path.exists():
        return Finding(name, Verdict.FAILED, "is not there", "plug the meter's cable in")
    if not os.access(path, os.R_OK | os.W_OK):
        fix = "add the agent's user to the group of the port (dialout)"
        return Finding(name, Verdict.FAILED, "may not be opened", fix)
    return Finding(name, Verdict.OK, "is there")


def _adapter(system: Path) -> Finding:
    adapters = sorted(each.name for each in (system / "sys/class/bluetooth").glob("hci*"))
    if not adapters:
        fix = "needed only for meters without a cable: plug a Bluetooth adapter in"
        return Finding("bluetooth", Verdict.WARNING, "no adapter", fix)
    return Finding("bluetooth", Verdict.OK, ", ".join(adapters))


def _camera(system: Path) -> Finding:
    cameras = sorted(each.name for each in (system / "dev").glob("video*"))
    if not cameras:
        fix = "needed only for calls: plug a camera in"
        return Finding("camera", Verdict.WARNING, "none", fix)
    return Finding("camera", Verdict.OK, ", ".join(cameras))
