"""agent.toml as frozen records; whatever is wrong in it is said with file, key and reason."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from msgspec import Meta, Struct

from koffert_agent.enrolment.identity import DamagedIdentity, identity_files
from koffert_agent.kiosk.settings import KioskSettings
from koffert_agent.loan import UnreadableLoan, read_loan
from koffert_agent.outbox.records import Quota
from koffert_agent.video.settings import VideoSettings
from koffert_drivers.table import DEVICES
from koffert_wire.identifiers import is_device_id
from koffert_wire.mqtt import Endpoint, TlsFiles
from koffert_wire.sealing import LINK_KEY_BYTES
from koffert_wire.toml_place import fault_of, where

_SEALING_KEY_BYTES = 32
_MIB = 1024 * 1024
# The part of the quota that only alarms may use, and that bulk leaves once more to the vitals.
_RESERVE_DIVISOR = 16

_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")

Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """The settings cannot be used: `path` and `key` say where, `reason` why."""

    def __init__(self, path: Path, key: str, reason: str) -> None:
        place = where(path, key)
        super().__init__(f"{place}: {key}: {reason}" if key else f"{place}: {reason}")
        self.path = path
        self.key = key
        self.reason = reason


class HubSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the centre's broker is and what proves who we are. Paths may be relative to the file.

    `keepalive_s` is 30: NATs of mobile networks forget a silent connection after 30 s to some minutes.
    """

    host: str
    port: Port
    ca: str
    certificate: str
    key: str
    link_key: str
    sealing_key: str
    keepalive_s: Annotated[int, Meta(ge=5, le=120)] = 30
    daily_budget_mb: Positive | None = None


class SensorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One meter: which driver speaks with it, and on which serial port or Bluetooth address it is."""

    driver: str
    port: str | None = None
    address: str | None = None


class OutboxSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How much the box keeps while the hub is away: 1 GiB holds a month of continuous pulse waves."""

    quota_mb: Positive = 1024

    @property
    def quota(self) -> Quota:
        """The quota with its reserve."""
        total_bytes = self.quota_mb * _MIB
        return Quota(total_bytes, total_bytes // _RESERVE_DIVISOR)


class StillSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where ECG stills are left: a folder in `data_dir`, so that a wipe empties it, and a stick's mount."""

    folder: str
    stick: str | None = None


class AgentFile(Struct, frozen=True, forbid_unknown_fields=True):
    """agent.toml as written."""

    device: str
    data_dir: str
    hub: HubSettings
    loan: str | None = None
    sensors: tuple[SensorSettings, ...] = ()
    outbox: OutboxSettings = OutboxSettings()
    stills: StillSettings | None = None
    video: VideoSettings = VideoSettings()
    bluetooth_adapter: Annotated[str, Meta(pattern="^hci[0-9]+$")] | None = None
    kiosk: KioskSettings = KioskSettings()  # the kiosk's process reads it; here it is only checked


class Settings(Struct, frozen=True):
    """agent.toml, checked, with its paths resolved and its key files read."""

    device: str
    loan: str | None
    data_dir: Path
    endpoint: Endpoint
    link_key: bytes
    sealing_key: bytes
    sensors: tuple[SensorSettings, ...] = ()
    quota: Quota = OutboxSettings().quota
    daily_budget_bytes: int | None = None
    video: VideoSettings = VideoSettings()
    still_folders: tuple[Path, ...] = ()
    bluetooth_adapter: str | None = None

    @property
    def hub_key(self) -> X25519PublicKey:
        """The hub's public key, to which all bodies are sealed."""
        return X25519PublicKey.from_public_bytes(self.sealing_key)


def load_settings(path: Path) -> Settings:
    """Read agent.toml and the key files that it names; raises SettingsError."""
    file = _parse(path)
    if not is_device_id(file.device):
        raise SettingsError(path, "device", f"{file.device!r} is not a device id (a-z, 0-9, -)")
    _check_sensors(path, file.sensors)
    folder, hub = path.resolve().parent, file.hub
    tls = TlsFiles(folder / hub.ca, folder / hub.certificate, folder / hub.key)
    for key, needed in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)):
        _must_exist(path, f"hub.{key}", needed)
    budget_mb = hub.daily_budget_mb
    return Settings(
        device=file.device,
        loan=file.loan,
        data_dir=folder / file.data_dir,
        endpoint=Endpoint(hub.host, hub.port, file.device, tls, hub.keepalive_s),
        link_key=_read_key(path, "hub.link_key", folder / hub.link_key, LINK_KEY_BYTES),
        sealing_key=_read_key(
            path, "hub.sealing_key", folder / hub.sealing_key, _SEALING_KEY_BYTES
        ),
        sensors=file.sensors,
        quota=file.outbox.quota,
        video=file.video,
        daily_budget_bytes=None if budget_mb is None else budget_mb * _MIB,
        still_folders=_still_folders(path, folder / file.data_dir, file.stills),
        bluetooth_adapter=file.bluetooth_adapter,
    )


def read_data_dir(path: Path) -> Path:
    """Where a box keeps its data, also before it is enrolled; raises SettingsError."""
    data_dir = _read_toml(path).get("data_dir")
    if not isinstance(data_dir, str):
        raise SettingsError(path, "data_dir", "must say where the box keeps its data")
    return path.resolve().parent / data_dir


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(path, "", error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(path, "", f"is not TOML: {error}") from error


def _parse(path: Path) -> AgentFile:
    raw = _read_toml(path)
    try:
        return msgspec.convert(_completed(path, raw), AgentFile)
    except msgspec.ValidationError as error:
        fault = fault_of(str(error))
        raise SettingsError(path, fault.place or "top level", fault.reason) from error


def _completed(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    """The file with what enrolment and the hub have added; what stands in the file itself goes first."""
    if not isinstance(raw.get("data_dir"), str) or not isinstance(raw.get("hub", {}), dict):
        return raw
    data_dir = path.resolve().parent / raw["data_dir"]
    files = identity_files(data_dir)
    try:
        identity, loan = files.read(), read_loan(data_dir).loan
    except (DamagedIdentity, UnreadableLoan) as error:
        raise SettingsError(path, "data_dir", str(error)) from error
    told: dict[str, Any] = {} if loan is None else {"loan": loan}
    if identity is None:
        if "device" not in raw:
            raise SettingsError(path, "device", "this box is not enrolled: koffert agent enrol")
        return told | raw
    hub = {
        "host": identity.broker_host,
        "port": identity.broker_port,
        "ca": str(files.tls.ca),
        "certificate": str(files.tls.certificate),
        "key": str(files.tls.key),
        "link_key": str(files.link_key),
        "sealing_key": str(files.sealing_key),
    }
    return told | {"device": identity.device} | raw | {"hub": hub | raw.get("hub", {})}


def _check_sensors(path: Path, sensors: tuple[SensorSettings, ...]) -> None:
    places: set[str] = set()
    for number, sensor in enumerate(sensors):
        key = f"sensors[{number}]"
        if (sensor.port is None) == (sensor.address is None):
            raise SettingsError(path, f"{key}.port", "give either a port or a Bluetooth address")
        _check_driver(path, key, sensor)
        if sensor.address is not None and not _ADDRESS.fullmatch(sensor.address):
            raise SettingsError(path, f"{key}.address", f"{sensor.address!r} is no address")
        place = (sensor.port or sensor.address or "").upper()
        if place in places:
            named = "port" if sensor.port else "address"
            raise SettingsError(path, f"{key}.{named}", f"{place} is named twice")
        places.add(place)


def _check_driver(path: Path, key: str, sensor: SensorSettings) -> None:
    serial = sensor.port is not None
    known = {record.id for record in DEVICES if (record.serial if serial else record.ble)}
    if sensor.driver not in known:
        kind, choice = "serial" if serial else "Bluetooth", ", ".join(sorted(known))
        reason = f"{sensor.driver!r} is not a {kind} driver; known: {choice}"
        raise SettingsError(path, f"{key}.driver", reason)


def _still_folders(path: Path, data_dir: Path, stills: StillSettings | None) -> tuple[Path, ...]:
    if stills is None:
        return ()
    folder = data_dir / stills.folder
    if not folder.resolve().is_relative_to(data_dir.resolve()):
        reason = f"{folder} must lie in data_dir, so that a wipe between patients empties it"
        raise SettingsError(path, "stills.folder", reason)
    if stills.stick is None:
        return (folder,)
    return (folder, path.resolve().parent / stills.stick)


def _read_key(path: Path, key: str, file: Path, length_bytes: int) -> bytes:
    _must_exist(path, key, file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(path, key, f"{file}: {error.strerror}") from error
    if len(content) != length_bytes:
        raise SettingsError(path, key, f"{file} holds {len(content)} bytes, not {length_bytes}")
    return content


def _must_exist(path: Path, key: str, file: Path) -> None:
    if not file.is_file():
        raise SettingsError(path, key, f"{file} is not there")
