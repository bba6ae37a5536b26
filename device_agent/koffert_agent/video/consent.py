"""How long the box waits to hear that the other side still wants what is sent to it (RFC 7675).

aioice asks each 5 s, once, and waits half a second: on a link with 500 ms there and back no answer is ever in time, and
each connection ends after half a minute.
"""

from aioice import stun

# Half a second, and a whole one after asking again; an answer to either counts.
_ASKS_AGAIN = 1


class PatientTransaction(stun.Transaction):
    """A question that is asked again; aioice asks all others more often than this anyway."""

    def __init__(  # noqa: PLR0917 - aioice's own
        self,
        request: stun.Message,
        addr: tuple[str, int],
        protocol: stun.TransactionSender,
        retransmissions: int | None = None,
        integrity_key: bytes | None = None,
        long_term_credential: bool = False,  # noqa: FBT001, FBT002 - aioice's own
    ) -> None:
        again = retransmissions if retransmissions is None else max(retransmissions, _ASKS_AGAIN)
        super().__init__(request, addr, protocol, again, integrity_key, long_term_credential)


def wait_for_slow_links() -> None:
    """For every connection of this process; aioice has no setting for it."""
    vars(stun)["Transaction"] = PatientTransaction
