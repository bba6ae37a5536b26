"""An export that somebody has been at: in every case the first record that does not hold is named."""

import json
import random
from collections.abc import Callable, Sequence

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from koffert_hub.database import reading
from koffert_hub.log_access import verify_export
from koffert_hub.log_export import json_lines, read_export, span
from koffert_hub.log_record import GENESIS_HEAD, SignedHead, next_head, sign_head
from koffert_hub.log_verify import Fault, FirstBad, Verification
from koffert_hub.transmission_log import SIGN_EVERY_MS, sign_due_head
from tests.hub.kit import NOON_MS, sqlite_store

RECORDS = 40
SIGNED = (20, 40)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
AMK = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
THIEF = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\2")

# The lines of an export: line n holds record n; line 0 is the first line, the heads are the last two.
Lines = list[bytes]


@pytest.fixture(name="export", scope="module")
def fixture_export(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """A log of 40 records, signed after record 20 and at its end."""
    store = sqlite_store(tmp_path_factory.mktemp("log"))
    box = store.box()
    store.take(*(box.queue() for _ in range(19)))
    signed = sign_due_head(store.engine, KEY, now_ms=NOON_MS, last=None)
    store.take(*(box.queue() for _ in range(20)))
    sign_due_head(store.engine, KEY, now_ms=NOON_MS + SIGN_EVERY_MS, last=signed)
    with reading(store.engine) as connection:
        lines = list(json_lines(connection, span(connection, None, None)))
    store.engine.dispose()
    return lines


def verified(
    lines: Lines,
    *keys: Ed25519PublicKey,
    heads: Sequence[SignedHead] = (),
    copy: Lines | None = None,
) -> Verification:
    rows = read_export(copy).rows if copy else ()
    return verify_export(read_export(lines), keys or [KEY.public_key()], heads, rows)


def amk_heads(lines: Lines) -> list[SignedHead]:
    """What the emergency centre countersigned while the log was whole."""
    rows = {row.sequence: row for row in read_export(lines).rows}
    return [sign_head(number, rows[number].head, NOON_MS, AMK) for number in SIGNED]


def rehashed(lines: Lines) -> Lines:
    """Every hash computed anew: what whoever can write the file can do."""
    head, made = GENESIS_HEAD, [lines[0]]
    for line in lines[1:]:
        if b'"signed"' in line:
            made.append(line)
            continue
        record = bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["record"])
        head = next_head(head, record)
        made.append(b'{"record":' + record + b',"head":"' + head.hex().encode() + b'"}\n')
    return made


def renumbered(lines: Lines) -> Lines:
    """Every record with the number of its place."""
    made = [lines[0]]
    for place, line in enumerate(lines[1:], 1):
        found = json.loads(line)
        if "record" in found:
            before = f'"sequence":{found["record"]["sequence"]},'.encode()
            made.append(line.replace(before, f'"sequence":{place},'.encode(), 1))
        else:
            made.append(line)
    return made


def contradicted(place: int) -> FirstBad:
    """All that signatures tell of a log that was altered at `place` and hashed anew: the stretch between two of them."""
    after, signed = (0, SIGNED[0]) if place <= SIGNED[0] else SIGNED
    return FirstBad(signed, Fault.CONTRADICTS_SIGNED_HEAD, after=after)


def test_untouched_it_holds(export: Lines) -> None:
    assert verified(export) == Verification(RECORDS, 2, ok=True, signed_to=RECORDS)
    both = verified(export, KEY.public_key(), AMK.public_key(), heads=amk_heads(export))
    assert both == Verification(RECORDS, 4, ok=True, signed_to=RECORDS)


@pytest.mark.parametrize("place", [1, 2, 7, 19, 20, 21, 39, 40])
def test_any_flipped_bit_of_a_record_is_named(export: Lines, place: int) -> None:
    line = export[place]
    for seed in range(60):
        chosen = random.Random(seed)  # noqa: S311 - the same flips each time
        bad = bytearray(line)
        bad[chosen.randrange(len(bad) - 1)] ^= 1 << chosen.randrange(8)
        outcome = verified(
            [*export[:place], *bytes(bad).splitlines(keepends=True), *export[place + 1 :]]
        )
        assert not outcome.ok
        assert outcome.first_bad is not None
        assert outcome.first_bad.sequence == place, bytes(bad)
        assert outcome.records == place - 1


@pytest.mark.parametrize("place", [1, 2, 19, 20, 21, 39, 40])
def test_a_dropped_record_is_named(export: Lines, place: int) -> None:
    dropped = export[:place] + export[place + 1 :]
    assert verified(dropped).first_bad == FirstBad(place, Fault.MISSING)
    closed = rehashed(renumbered(dropped))
    assert verified(closed).first_bad in (contradicted(place), FirstBad(RECORDS, Fault.MISSING))


@pytest.mark.parametrize("place", [1, 19, 20, 39])
def test_two_that_changed_places_are_named(export: Lines, place: int) -> None:
    swapped = [*export[:place], export[place + 1], export[place], *export[place + 2 :]]
    assert verified(swapped).first_bad == FirstBad(place, Fault.MISSING)
    outcome = verified(rehashed(renumbered(swapped)))
    assert outcome.first_bad == contradicted(place)


@pytest.mark.parametrize("place", [1, 7, 20, 40])
def test_one_that_was_put_in_is_named_by_its_place(export: Lines, place: int) -> None:
    doubled = [*export[: place + 1], export[place], *export[place + 1 :]]
    assert not verified(doubled).ok
    assert verified(doubled).first_bad in (
        FirstBad(place + 1, Fault.WRONG_NUMBER),
        FirstBad(place + 1, Fault.UNEXPECTED),
    )
    early = verified([*export[:place], export[30], *export[place:]]).first_bad
    assert early is not None
    assert early.sequence == place
    for line in (b"not json\n", b'{"note":"x"}\n', b'{"record":{"sequence":7}}\n', b"\xff\xfe\n"):
        alien = [*export[:place], line, *export[place:]]
        assert verified(alien).first_bad == FirstBad(place, Fault.UNREADABLE)


@pytest.mark.parametrize("left", [0, 1, 19, 20, 39])
def test_a_cut_tail_is_named_even_when_its_signatures_are_gone(export: Lines, left: int) -> None:
    missing = FirstBad(left + 1, Fault.MISSING)
    assert verified([*export[: left + 1], *export[-2:]]).first_bad == missing
    assert verified(export[: left + 1]).first_bad == missing
    half = export[left + 1][: len(export[left + 1]) // 2]
    cut_within = verified([*export[: left + 1], half])
    assert cut_within.first_bad == FirstBad(left + 1, Fault.UNREADABLE)


@pytest.mark.parametrize("place", [1, 7, 20, 21, 40])
def test_rewritten_with_every_hash_anew_it_contradicts_what_was_signed(
    export: Lines, place: int
) -> None:
    changed = export[place].replace(b'"direction":"', b'"detail":"x","direction":"')
    assert changed != export[place]
    rewritten = rehashed([*export[:place], changed, *export[place + 1 :]])
    bad = contradicted(place)
    assert verified(rewritten).first_bad == bad
    assert verified(rewritten).records == bad.after
    signed_anew = [line for line in rewritten if b'"signed"' not in line]
    rows = {row.sequence: row for row in read_export(signed_anew).rows}
    for number in SIGNED:
        head = sign_head(number, rows[number].head, NOON_MS, KEY)
        signed_anew.append(msgspec.json.encode({"signed": head}) + b"\n")
    assert verified(signed_anew).ok
    held = verified(signed_anew, KEY.public_key(), AMK.public_key(), heads=amk_heads(export))
    assert held.first_bad == bad


def rewritten_with_every_hash(lines: Lines, how: str, place: int) -> Lines:
    """Tampered with by somebody who also gives each record the number of its place, and every hash anew."""
    line, others = lines[place], (lines[:place], lines[place + 1 :])
    flipped = line.replace(b'"direction":"', b'"detail":"x","direction":"')
    made = {
        "flip": [*others[0], flipped, *others[1]],
        "drop": [*others[0], *others[1]],
        "reorder": [*others[0], others[1][0], line, *others[1][1:]],
        "insert": [*others[0], flipped, line, *others[1]],
        "truncate": [*others[0], *lines[RECORDS + 1 :]],
    }[how]
    return rehashed(renumbered(made))


@pytest.mark.parametrize("how", ["flip", "drop", "reorder", "insert", "truncate"])
@pytest.mark.parametrize("place", [1, 7, 20, 21, 39])
def test_with_a_copy_the_record_itself_is_named(export: Lines, how: str, place: int) -> None:
    """Also where the hub's own key has signed the new hashes: what the emergency centre holds was not touched."""
    changed = rewritten_with_every_hash(export, how, place)
    head_less = [line for line in changed if b'"signed"' not in line]
    for lines in (changed, head_less):
        found = verified(lines, copy=export)
        assert found.first_bad is not None
        assert (found.ok, found.records, found.first_bad.sequence) == (False, place - 1, place)
        assert found.first_bad.after is None
    by_heads = verified(changed, KEY.public_key(), AMK.public_key(), heads=amk_heads(export))
    one_less = RECORDS if how == "drop" and place > SIGNED[0] else place
    assert by_heads.first_bad in (contradicted(place), FirstBad(one_less, Fault.MISSING))


def test_a_copy_of_one_day_names_what_it_holds(export: Lines) -> None:
    """Altered before the copy begins: the copy's first record still stands, but not the hash before it."""
    rows = read_export(export).rows
    for place, bad in (
        (30, FirstBad(30, Fault.DIFFERS_FROM_COPY)),
        (10, FirstBad(24, Fault.DIFFERS_FROM_COPY, after=0)),
    ):
        altered = read_export(rewritten_with_every_hash(export, "flip", place))
        assert verify_export(altered, [], copy=rows[24:]).first_bad == bad
    assert verify_export(read_export(export), [], copy=rows[:30]).ok
    assert verify_export(read_export(export), [], copy=rows[24:]).ok


def damage(change: Callable[[dict[str, object]], None]) -> Callable[[Lines], Lines]:
    """Change the head of record 20."""

    def done(lines: Lines) -> Lines:
        found = json.loads(lines[-2])
        change(found["signed"])
        return [*lines[:-2], json.dumps(found).encode() + b"\n", lines[-1]]

    return done


@pytest.mark.parametrize(
    "change",
    [
        damage(lambda signed: signed.update(signature="A" * 86 + "==")),
        damage(lambda signed: signed.update(signature="!")),
        damage(lambda signed: signed.update(at_ms=1)),
        damage(lambda signed: signed.update(head="A" * 43 + "=")),
        lambda lines: [*lines[:-2], lines[-2][:-9] + b"\n", lines[-1]],
    ],
)
def test_a_damaged_signature_is_named(export: Lines, change: Callable[[Lines], Lines]) -> None:
    assert verified(change(export)).first_bad == FirstBad(20, Fault.BAD_SIGNATURE)


def test_a_head_of_another_record_does_not_pass_for_it(export: Lines) -> None:
    moved = damage(lambda signed: signed.update(sequence=19))(export)
    assert verified(moved).first_bad == FirstBad(19, Fault.BAD_SIGNATURE)


def test_keys_that_fit_no_signature_prove_nothing(export: Lines) -> None:
    outcome = verified(export, THIEF.public_key())
    assert (outcome.ok, outcome.first_bad) == (False, FirstBad(20, Fault.UNKNOWN_KEY))
    assert outcome.unchecked_heads == 2


def test_written_by_another_program_the_bytes_are_not_those_that_were_hashed(export: Lines) -> None:
    again = [json.dumps(json.loads(line)).encode() + b"\n" for line in export]
    assert verified(again).first_bad == FirstBad(1, Fault.BROKEN_CHAIN)


def test_fields_that_changed_places_between_records_are_named(export: Lines) -> None:
    one, other = (json.loads(export[n])["record"]["transmission"].encode() for n in (7, 30))
    swapped = [
        line.replace(one, b"?").replace(other, one).replace(b"?", other) if n in (7, 30) else line
        for n, line in enumerate(export)
    ]
    assert verified(swapped).first_bad == FirstBad(7, Fault.BROKEN_CHAIN)
    heads = [json.loads(export[n])["head"].encode() for n in (7, 30)]
    swapped = [
        line.replace(heads[0], heads[1]) if n == 7 else line for n, line in enumerate(export)
    ]
    assert verified(swapped).first_bad == FirstBad(7, Fault.BROKEN_CHAIN)


def test_a_start_that_was_moved_is_named(export: Lines) -> None:
    start = json.loads(export[0])
    for change in ({"after": 3}, {"head": "11" * 32}):
        moved = [msgspec.json.encode(start | change) + b"\n", *export[1:]]
        assert not verified(moved).ok
    longer = [msgspec.json.encode(start | {"last": 41}) + b"\n", *export[1:]]
    assert verified(longer).first_bad == FirstBad(41, Fault.MISSING)
