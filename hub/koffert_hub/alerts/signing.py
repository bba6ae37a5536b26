"""A doctor signs the rule set in force: the file takes the signature, the log says who, what and when."""

import hashlib
import json
import os
import shutil
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.alerts.rules import (
    RuleProblem,
    RulesError,
    RuleSet,
    Signature,
    SignedDigest,
    load_rules,
)
from koffert_hub.log_record import Event, Result, decode_record
from koffert_hub.times import to_ms
from koffert_hub.transmission_log import LogWriter, draft

# 64 bits: no two of a centre's staff share an id, and the log holds no name.
_STAFF_ID_BYTES = 8


def staff_id(name: str) -> str:
    """The id under which the log knows a member of staff: the same name gives the same id."""
    digest = hashlib.sha256(" ".join(name.split()).casefold().encode()).digest()
    return f"s-{digest[:_STAFF_ID_BYTES].hex()}"


def sign_rules(
    engine: sa.Engine, path: Path, doctor: str, *, now: datetime, proof: str = ""
) -> RuleSet:
    """Sign the content of a rule file as `doctor`; returns the set as it stands then.

    `proof` says in one word how it is known to be the doctor, or who vouches for it; it stands in the log.

    A doctor whose signature of this content is in the log already changes nothing. The log is written first: a file that
    cannot be replaced then stays unsigned, and signing again is safe. Raises RulesError.
    """
    rules = load_rules(path)
    with engine.connect() as connection:
        own = [mark for mark in rules.signatures if mark.doctor == doctor]
        if any(_is_logged(connection, mark) for mark in own):
            return rules
    mark = Signature(digest=rules.digest, doctor=doctor, signed_at=now.replace(microsecond=0))
    draft_path = path.with_name(f".{path.name}.signing")
    try:
        signed = _draft(path, draft_path, mark)
        with engine.begin() as connection:
            _note(connection, mark, now, proof)
        draft_path.replace(path)
    except OSError as error:
        raise RulesError([RuleProblem(str(path), "", error.strerror or str(error))]) from error
    finally:
        draft_path.unlink(missing_ok=True)
    return signed


def logged_digest(connection: sa.Connection, rules: RuleSet) -> SignedDigest | None:
    """The digest of the set if the log knows one of its signatures: anybody can write one into the file."""
    known = any(_is_logged(connection, mark) for mark in rules.signatures)
    return rules.signed_digest if known else None


def _is_logged(connection: sa.Connection, mark: Signature) -> bool:
    table, from_ms = tables.transmission_log, to_ms(mark.signed_at)
    # A signature's time stands in the file in whole seconds.
    rows = connection.execute(
        sa.select(table.c.record).where(table.c.at_ms >= from_ms, table.c.at_ms < from_ms + 1_000)
    ).scalars()
    return any(
        one.event is Event.RULES and f"{one.detail} ".startswith(f"{_detail(mark)} ")
        for one in map(decode_record, rows)
    )


def _draft(path: Path, draft_path: Path, mark: Signature) -> RuleSet:
    """The file with the signature, on disk beside it, read back and found signed."""
    shutil.copy(path, draft_path)
    with draft_path.open("a", encoding="utf-8") as file:
        file.write(_toml(mark))
        file.flush()
        os.fsync(file.fileno())
    signed = load_rules(draft_path)
    if mark not in signed.signatures:
        raise RulesError([RuleProblem(str(path), "signature", "the content changed meanwhile")])
    return signed


def _toml(mark: Signature) -> str:
    # A JSON string is a TOML basic string.
    doctor = json.dumps(mark.doctor, ensure_ascii=False)
    return f"""
[[signature]]
digest = "{mark.digest}"
doctor = {doctor}
signed_at = {mark.signed_at.isoformat()}
"""


def _note(connection: sa.Connection, mark: Signature, now: datetime, proof: str) -> None:
    writer = LogWriter(connection)
    detail = f"{_detail(mark)} {proof}".rstrip()
    writer.add(draft(Event.RULES, Result.DONE, at_ms=to_ms(now), detail=detail))
    writer.flush()


def _detail(mark: Signature) -> str:
    return f"{mark.digest} {staff_id(mark.doctor)}"
