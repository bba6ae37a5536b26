"""What each role may do, in one table; what stands nowhere is forbidden."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from koffert_hub.registry import Role


class Permission(StrEnum):
    """One thing that a person may be allowed to do; each route names exactly one."""

    OWN_SESSION = "own-session"
    SEE_WARD = "see-ward"
    SEE_PATIENT = "see-patient"
    ACKNOWLEDGE = "acknowledge"
    WRITE_RECORD = "write-record"
    PRESCRIBE = "prescribe"
    CALL = "call"
    LEND = "lend"
    START_STATION = "start-station"
    IDENTIFY = "identify"
    SEE_STAFF = "see-staff"
    SEE_ACCESS_LOG = "see-access-log"
    MANAGE_USERS = "manage-users"
    SEE_LOG = "see-log"
    SEARCH_NAME = "search-name"
    RECEIVE = "receive"
    OPEN_RECORD = "open-record"


_CARE = frozenset(
    {
        Permission.OWN_SESSION,
        Permission.SEE_WARD,
        Permission.SEE_PATIENT,
        Permission.OPEN_RECORD,
        Permission.ACKNOWLEDGE,
        Permission.WRITE_RECORD,
        Permission.CALL,
        Permission.LEND,
        Permission.START_STATION,
        Permission.SEE_STAFF,
    }
)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.NURSE: _CARE,
        Role.DOCTOR: _CARE | {Permission.PRESCRIBE},
        # The AMK keeps the register of transmissions and needs no clinical value.
        Role.AMK: frozenset({Permission.OWN_SESSION, Permission.SEE_LOG, Permission.SEARCH_NAME}),
        Role.ENGINEER: frozenset({Permission.OWN_SESSION, Permission.SEE_STAFF}),
        Role.ADMIN: frozenset(
            {Permission.OWN_SESSION, Permission.SEE_ACCESS_LOG, Permission.MANAGE_USERS}
        ),
        # A unit that stills are sent to sees those, and nothing else of the patient.
        Role.RECEIVER: frozenset({Permission.OWN_SESSION, Permission.RECEIVE}),
    }
)


# A shared screen shows the ward; whoever wants to do something says first who it is.
STATION = frozenset({Permission.OWN_SESSION, Permission.SEE_WARD, Permission.IDENTIFY})


def may(role: Role, permission: Permission) -> bool:
    """Whether `role` holds `permission`."""
    return permission in PERMISSIONS[role]
