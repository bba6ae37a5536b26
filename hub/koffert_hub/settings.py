"""The hub's settings file (`hub.toml`): read once, checked whole; an unknown key is an error."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from koffert_hub.alerts.opening import AlertSettings
from koffert_hub.video.turn import TurnSettings
from koffert_hub.web.oidc import OidcSettings
from koffert_hub.web.senders import DropSettings
from koffert_wire.mqtt import Endpoint, TlsFiles
from koffert_wire.toml_place import fault_of, where
from koffert_wire.topics import Lane

Port = Annotated[int, Meta(ge=1, le=65_535)]
# The id stands in the transmission log, so it never changes; the name is what people read.
UnitId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]
UnitName = Annotated[str, Meta(min_length=1, max_length=100)]

_T = TypeVar("_T")

_TIME_SERIES_FILE = "time_series.sqlite"
_DATABASE_FILE = "hub.sqlite"


class SettingsError(Exception):
    """The settings file cannot be used; the message says where."""


class BrokerSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hub's own listener at the broker; without certificate files it is plain TCP on loopback."""

    host: str = "127.0.0.1"
    port: Port
    client_id_prefix: str = "hub"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def endpoints(self, instance: str = "") -> dict[Lane, Endpoint]:
        """A connection for each lane, so that bulk never queues in front of an alarm.

        `instance` tells the processes of one hub apart.
        """
        name = f"{self.client_id_prefix}-{instance}" if instance else self.client_id_prefix
        tls = self._tls()
        return {lane: Endpoint(self.host, self.port, f"{name}-{lane.value}", tls) for lane in Lane}

    def _tls(self) -> TlsFiles | None:
        if self.ca is None or self.certificate is None or self.key is None:
            return None
        return TlsFiles(self.ca, self.certificate, self.key)


class WebSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the web pages are served; `https` says that a proxy in front gives browsers TLS."""

    host: str = "127.0.0.1"
    port: Port
    https: bool = True


class ProvisioningSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where boxes come for their identity and afterwards to the broker.

    `address` is how boxes reach this machine from outside: it stands in codes and certificates. Both
    listeners are bound to `host`. The broker is told of a new revocation list through `broker_pid_file`.
    """

    address: str
    port: Port
    device_port: Port
    host: str = "127.0.0.1"
    broker_pid_file: Path | None = None


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where /metrics and /healthz are served."""

    host: str = "127.0.0.1"
    port: Port


class InfluxSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An InfluxDB for the time series; the token stands in a file of its own."""

    url: str
    organisation: str
    bucket: str
    token_file: Path


class RegisterSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the emergency centre's replica connects, and the public key that it countersigns with."""

    host: str = "127.0.0.1"
    port: Port
    ca: Path
    certificate: Path
    key: Path
    replica_key: Path

    def tls(self) -> TlsFiles:
        """The certificate that the replica sees."""
        return TlsFiles(self.ca, self.certificate, self.key)


class UpkeepSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the hub does by itself, each of it the controller's to decide; what is left out is not done.

    Close a record so many days after its last loan, write each day of the log, and drop backups in the folder
    `backups` and entries of who looked that are older than so many days.
    """

    close_after_days: Annotated[int, Meta(ge=1)] | None = None
    log_days: Path | None = None
    backups: Path | None = None
    keep_backups_days: Annotated[int, Meta(ge=1)] | None = None
    keep_access_days: Annotated[int, Meta(ge=1)] | None = None


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. Relative paths are relative to it.

    `receiving_units` are who may be sent a still, by id. Without `web` no pages are served, without
    `provisioning` no box can be enrolled, without `alerts` nothing is judged.
    """

    data_dir: Path
    centre: str
    broker: BrokerSettings
    web: WebSettings | None = None
    register: RegisterSettings | None = None
    provisioning: ProvisioningSettings | None = None
    database: str | None = None
    time_series: InfluxSettings | None = None
    metrics: MetricsSettings | None = None
    alerts: AlertSettings | None = None
    turn: TurnSettings | None = None
    upkeep: UpkeepSettings | None = None
    oidc: OidcSettings | None = None
    drop: DropSettings | None = None
    receiving_units: dict[UnitId, UnitName] = {}

    @property
    def database_url(self) -> str:
        """Where registry, log and bodies are; by default SQLite in the data folder."""
        return self.database or f"sqlite:///{self.data_dir / _DATABASE_FILE}"

    @property
    def time_series_path(self) -> Path:
        """The embedded time series store."""
        return self.data_dir / _TIME_SERIES_FILE


def load_settings(path: Path) -> Settings:
    """The hub's settings; raises SettingsError."""
    settings = decode_settings(path, Settings)
    broker = settings.broker
    if len({broker.ca is None, broker.certificate is None, broker.key is None}) > 1:
        raise SettingsError(f"{where(path, 'broker')}: broker: ca, certificate and key go together")
    return settings


def decode_settings(path: Path, kind: type[_T]) -> _T:
    """A TOML file as `kind`, its relative paths made absolute; raises SettingsError."""
    folder = path.resolve().parent

    def decode_path(wanted: type, value: object) -> Path:
        if wanted is not Path or not isinstance(value, str):
            raise TypeError(f"expected a path, got {value!r}")
        return folder / value

    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind, dec_hook=decode_path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except msgspec.ValidationError as error:
        place, reason = fault_of(str(error))
        raise SettingsError(f"{where(path, place)}: {place or 'top level'}: {reason}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
