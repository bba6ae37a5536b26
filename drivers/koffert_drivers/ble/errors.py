"""What can go wrong with a Bluetooth link, named by what the caller can do about it."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)


class BleReason(StrEnum):
    """What the caller can do: mend the radio, wait for the meter, free it, bond with it, or reconnect."""

    RADIO = "radio"  # no adapter, switched off, or bluetoothd does not run
    PERMISSION = "permission"
    NOT_FOUND = "not-found"
    REFUSED = "refused"  # it advertises and takes no connection: somebody else holds it
    BOND = "bond"  # it wants a bond, or one side has lost it
    OTHER_DEVICE = "other-device"  # it does not have what its driver speaks with
    LOST = "lost"


# For a person. What they can do about it comes with it.
WORDS = {
    BleReason.RADIO: "Bluetooth is off, or its adapter is not plugged in",
    BleReason.PERMISSION: "this user may not use Bluetooth",
    BleReason.NOT_FOUND: "not heard; it may be off or out of reach",
    BleReason.REFUSED: "it is near but takes no connection; a phone or another box may hold it",
    BleReason.BOND: "it wants to be paired again",
    BleReason.OTHER_DEVICE: "it answers, but not as the kind of meter it was paired as",
    BleReason.LOST: "the connection was lost",
}


class BleError(Exception):
    """The link to a meter cannot be had, or is gone; `detail` is for the log."""

    def __init__(self, reason: BleReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


_BOND_CODES = frozenset(
    {
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHORIZATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE,
    }
)
# D-Bus error names of bluetoothd and of the bus itself.
_DBUS_REASONS = {
    "org.bluez.Error.NotReady": BleReason.RADIO,
    "org.bluez.Error.AuthenticationFailed": BleReason.BOND,
    "org.bluez.Error.AuthenticationRejected": BleReason.BOND,
    "org.bluez.Error.AuthenticationCanceled": BleReason.BOND,
    "org.bluez.Error.AuthenticationTimeout": BleReason.BOND,
    "org.bluez.Error.NotPermitted": BleReason.BOND,  # "Not paired"
    "org.bluez.Error.ConnectionAttemptFailed": BleReason.REFUSED,
    "org.freedesktop.DBus.Error.AccessDenied": BleReason.PERMISSION,
    "org.freedesktop.DBus.Error.ServiceUnknown": BleReason.RADIO,
    "org.freedesktop.DBus.Error.NameHasNoOwner": BleReason.RADIO,
    "org.freedesktop.DBus.Error.UnknownObject": BleReason.NOT_FOUND,
    "org.freedesktop.DBus.Error.UnknownMethod": BleReason.RADIO,  # the adapter is gone
}
_DENIED = frozenset(
    {
        BleakBluetoothNotAvailableReason.DENIED_BY_USER,
        BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM,
        BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN,
    }
)


@contextlib.contextmanager
def typed(otherwise: BleReason = BleReason.LOST) -> Iterator[None]:
    """Turn what bleak and D-Bus raise into BleError; `otherwise` where they do not say more."""
    try:
        yield
    except BleError:
        raise
    except TimeoutError as error:
        raise BleError(otherwise, "no answer in time") from error
    except (BleakError, OSError, EOFError) as error:
        raise BleError(_reason(error, otherwise), str(error) or type(error).__name__) from error


def _reason(error: Exception, otherwise: BleReason) -> BleReason:
    if isinstance(error, BleakGATTProtocolError):
        return BleReason.BOND if error.code in _BOND_CODES else otherwise
    if isinstance(error, BleakDeviceNotFoundError):
        return BleReason.NOT_FOUND
    if isinstance(error, BleakBluetoothNotAvailableError):
        return BleReason.PERMISSION if error.reason in _DENIED else BleReason.RADIO
    if isinstance(error, BleakDBusError):
        return _DBUS_REASONS.get(error.dbus_error, otherwise)
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):  # no system bus
        return BleReason.RADIO
    return BleReason.PERMISSION if isinstance(error, PermissionError) else otherwise
