"""The VIP card: which ward a patient goes to without a detour, and whom to ask about the patient's own plan."""

from collections.abc import Iterable

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.alerts.tables import patient_card

MOST_CHARACTERS = 200


class Card(Struct, frozen=True, kw_only=True):
    """What stands on the card. Without `fast_track` the patient goes the common way."""

    fast_track: bool = False
    preferred_ward: str = ""
    plan_contact: str = ""


class SignedCard(Struct, frozen=True):
    """A card with who wrote it and when."""

    card: Card
    at_ms: int
    display_name: str


def write_card(
    connection: sa.Connection, patient: str, card: Card, display_name: str, *, now_ms: int
) -> None:
    """This card holds from now on; earlier ones are kept."""
    connection.execute(
        patient_card.insert().values(
            patient=patient,
            at_ms=now_ms,
            display_name=display_name,
            fast_track=card.fast_track,
            preferred_ward=card.preferred_ward.strip()[:MOST_CHARACTERS],
            plan_contact=card.plan_contact.strip()[:MOST_CHARACTERS],
        )
    )


def cards(connection: sa.Connection, patients: Iterable[str]) -> dict[str, SignedCard]:
    """The card that holds, for each of these patients who has one."""
    table = patient_card
    rows = connection.execute(
        sa.select(table).where(table.c.patient.in_(set(patients))).order_by(table.c.id)
    )
    return {
        row.patient: SignedCard(
            Card(
                fast_track=row.fast_track,
                preferred_ward=row.preferred_ward,
                plan_contact=row.plan_contact,
            ),
            row.at_ms,
            row.display_name,
        )
        for row in rows
    }
