"""Whether the other side still listens is asked so that a slow link can answer."""

import asyncio

import pytest
from aioice import stun

from koffert_agent.video.consent import PatientTransaction, wait_for_slow_links

FAR = ("192.0.2.1", 3478)


class SlowLink:
    """Answers a question as soon as it has been asked this often."""

    def __init__(self, asked_until_answered: int) -> None:
        self.asked = 0
        self._asked_until_answered = asked_until_answered
        self.transaction: PatientTransaction

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.asked == self._asked_until_answered:
            answer = stun.Message(
                message.message_method, stun.Class.RESPONSE, message.transaction_id
            )
            self.transaction.response_received(answer, addr)


async def ask(link: SlowLink) -> None:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    # As aioice asks for consent.
    link.transaction = PatientTransaction(request, FAR, link, retransmissions=0)
    await link.transaction.run()


def test_consent_is_asked_for_again_before_it_counts_as_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stun, "RETRY_RTO", 0.01)
    slow, dead = SlowLink(2), SlowLink(9)
    asyncio.run(ask(slow))
    with pytest.raises(stun.TransactionTimeout):
        asyncio.run(ask(dead))
    assert (slow.asked, dead.asked) == (2, 2)


def test_every_connection_of_the_process_asks_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun, "Transaction", stun.Transaction)
    wait_for_slow_links()
    assert stun.Transaction is PatientTransaction
