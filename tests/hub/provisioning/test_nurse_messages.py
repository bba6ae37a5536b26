"""A nurse's message goes to the patient's box, stands there until it is read, and the nurse sees that it was."""

from datetime import timedelta
from pathlib import Path

import pytest

from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.provisioning import fleet
from koffert_hub.provisioning.desired_state import desired
from koffert_hub.provisioning.nurse_messages import MOST_UNREAD, Written, write, written
from koffert_hub.provisioning.reactions import as_command
from koffert_hub.registry import RegistryError, create_patient
from koffert_hub.times import to_ms
from koffert_wire.commands import NurseMessage, decode_command, encode_command
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import MessageRead
from tests.hub.kit import SIGNED
from tests.hub.provisioning.site import NOW
from tests.hub.provisioning.test_renewal import BOX, Enrolled


class Ward:
    """One patient with a box; `write` and `shown` are the two ends of a message."""

    def __init__(self, folder: Path) -> None:
        self.enrolled = Enrolled(folder)
        site = self.enrolled.desk.site
        with site.engine.begin() as connection:
            self.patient = create_patient(
                connection, site.centre, "Testpasient 1", now_ms=to_ms(NOW)
            )
        self.now = NOW
        self.loan = self.lend()

    def lend(self) -> str:
        with self.enrolled.engine.begin() as connection:
            loan = fleet.lend(connection, BOX, self.patient, rules=SIGNED, now=NOW, days=14)
        self.enrolled.box.loan = loan
        return loan

    def write(self, text: str, patient: str | None = None) -> bytes:
        """Some time after the one before."""
        self.now += timedelta(seconds=1)
        with self.enrolled.engine.begin() as connection:
            return write(
                connection,
                patient or self.patient,
                text,
                username="nurse",
                display_name="Sykepleier Test",
                now=self.now,
            )

    def shown(self) -> NurseMessage | None:
        """What the box is told, over the wire."""
        with reading(self.enrolled.engine) as connection:
            wanted = desired(connection, BOX)
        assert wanted is not None
        command = as_command(wanted)
        assert decode_command(encode_command(command)) == command
        return command.message

    def read(self, message: bytes) -> None:
        box = self.enrolled.box
        read = MessageRead(uuid7(box.wall_ns, bytes(10)), box.now(), message)
        self.enrolled.say(read, "message-read")
        self.enrolled.reactions.step(NOW)

    def written(self) -> list[Written]:
        with reading(self.enrolled.engine) as connection:
            return written(connection, self.patient)


@pytest.fixture(name="ward")
def fixture_ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def test_messages_stand_on_the_screen_one_after_another_until_they_are_read(ward: Ward) -> None:
    assert ward.shown() is None
    first = ward.write("Husk å måle i dag.")
    second = ward.write("Vi ringer klokken 11.")
    assert ward.shown() == NurseMessage(first, to_ms(ward.now) - 1000, "Husk å måle i dag.")
    ward.enrolled.box.wait(3)
    ward.read(first)
    told = ward.shown()
    assert told is not None
    assert told.id == second
    ward.read(second)
    assert ward.shown() is None
    [newer, older] = ward.written()
    assert (newer.text, newer.display_name) == ("Vi ringer klokken 11.", "Sykepleier Test")
    assert older.read_ms == ward.enrolled.box.wall_ns // 1_000_000


def test_a_reading_is_noted_once_and_only_for_the_loan_it_was_written_in(ward: Ward) -> None:
    message = ward.write("Hei.")
    ward.read(bytes(16))
    ward.enrolled.box.loan = "l-other"
    ward.read(message)
    assert ward.shown() is not None
    ward.enrolled.box.loan = ward.loan
    ward.read(message)
    [was] = ward.written()
    ward.enrolled.box.wait(60)
    ward.read(message)
    assert ward.written() == [was]


def test_nobody_writes_where_no_box_is_nor_without_end(ward: Ward) -> None:
    with pytest.raises(RegistryError):
        ward.write("Hei.", patient="p-none")
    for number in range(MOST_UNREAD):
        ward.write(f"Hei {number}.")
    with pytest.raises(RegistryError):
        ward.write("Hei.")


def test_a_message_ends_with_its_loan(ward: Ward) -> None:
    ward.write("Hei.")
    with ward.enrolled.engine.begin() as connection:
        fleet.give_back(connection, BOX, (), now=NOW)
    assert ward.shown() is None
    with reading(ward.enrolled.engine) as connection:
        assert connection.execute(tables.loan.select()).first() is not None
    with pytest.raises(RegistryError):
        ward.write("Hei.")
