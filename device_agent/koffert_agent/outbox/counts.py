"""What an outbox holds and has sent, as numbers."""

from koffert_agent.outbox.database import Database
from koffert_agent.outbox.records import LaneCount
from koffert_wire.topics import Lane

# Days of traffic kept for `status`.
_TRAFFIC_DAYS = 62


class Counts:
    """Reads what the table's triggers count, and keeps the account of the link. Methods raise OutboxError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_number(self) -> int:
        """The number of the newest row ever queued."""
        found = self._database.all("SELECT seq FROM sqlite_sequence WHERE name = 'transmission'")
        return int(found[0][0]) if found else 0

    def held_bytes(self) -> int:
        """What all rows weigh together, in whatever state."""
        held: int = self._database.one("SELECT sum(bytes) FROM tally")
        return held

    def lanes(self) -> dict[Lane, LaneCount]:
        """What the outbox holds, by lane."""
        tally = {
            (lane, state): (rows, row_bytes)
            for lane, state, rows, row_bytes in self._database.all("SELECT * FROM tally")
        }
        dropped = dict(self._database.all("SELECT lane, dropped FROM lane"))
        return {
            lane: LaneCount(
                *tally[lane.value, "queued"],
                *tally[lane.value, "released"],
                tally[lane.value, "damaged"][0],
                dropped[lane.value],
                self._oldest_header(lane),
            )
            for lane in Lane
        }

    def _oldest_header(self, lane: Lane) -> bytes | None:
        found: list[tuple[bytes]] = self._database.all(
            "SELECT header FROM transmission WHERE state = 'queued' AND lane = ?"
            " ORDER BY number LIMIT 1",
            lane.value,
        )
        return found[0][0] if found else None

    def add_traffic(self, day: int, sent: dict[Lane, tuple[int, int]]) -> None:
        """Add (transmissions, bytes) handed to the link on `day` (days since 1970)."""
        with self._database.transaction():
            for lane, (transmissions, sent_bytes) in sent.items():
                self._database.execute(
                    "INSERT INTO traffic VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
                    " SET transmissions = transmissions + ?3, bytes = bytes + ?4",
                    *(day, lane.value, transmissions, sent_bytes),
                )
            self._database.execute(
                "DELETE FROM traffic WHERE day NOT IN"
                " (SELECT DISTINCT day FROM traffic ORDER BY day DESC LIMIT ?)",
                _TRAFFIC_DAYS,
            )

    def traffic(self, day: int) -> dict[Lane, tuple[int, int]]:
        """What was handed to the link on `day`: (transmissions, bytes) by lane."""
        found = self._database.all(
            "SELECT lane, transmissions, bytes FROM traffic WHERE day = ?", day
        )
        return {Lane(lane): (transmissions, sent) for lane, transmissions, sent in found}
