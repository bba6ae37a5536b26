"""The register's pages: filters, one record, its check, exports, and the search by name."""

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from koffert_hub import registry, tables
from koffert_hub.log_access import verify_export
from koffert_hub.log_export import read_export
from koffert_hub.log_record import Result
from koffert_hub.registry import Role
from koffert_hub.technical_alerts import Cause, raise_alert
from koffert_hub.web.access_log import AccessLog, Action, Look
from koffert_hub.web.register_filter import BadFilter, RegisterFilter, parse_filter
from tests.hub.kit import SIGNED, rewrite
from tests.web.hub import AMK_KEY, LOG, LOG_KEY, Hub, client

_PAGE = f"/log/{LOG}"


@pytest.fixture
def amk(hub: Hub) -> httpx.Client:
    hub.log("koffert-001", "koffert-002", "koffert-001")
    hub.log("koffert-003", result=Result.QUARANTINED, content="diary")
    return client(hub, Role.AMK)


def _rows(html: str) -> list[str]:
    return html.partition('<tbody id="records">')[2].partition("</tbody>")[0].split("<tr>")[1:]


def _looks(hub: Hub) -> list[Look]:
    return AccessLog(hub.engine).latest(10, before=2**62)


def test_the_newest_transmission_stands_first(amk: httpx.Client) -> None:
    rows = _rows(amk.get(_PAGE).text)
    assert ["koffert-00" in row for row in rows] == [True] * 4 + [False]
    assert "koffert-003" in rows[0]
    assert "i karantene" in rows[0]
    assert "5e5e5e5e5e5e" in rows[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("device=koffert-001", 2),
        ("result=quarantined", 1),
        ("content=diary", 1),
        ("direction=hub", 1),
        ("event=transmission&device=koffert-002", 1),
        ("from=2020-01-01T00:00&until=2020-01-02T00:00", 0),
        ("from=2020-01-01T00:00", 5),
        ("before=3", 2),
    ],
)
def test_a_filter_is_a_link(amk: httpx.Client, query: str, found: int) -> None:
    assert len(_rows(amk.get(f"{_PAGE}?{query}").text)) == found


@pytest.mark.parametrize("query", ["from=yesterday", "result=eaten", "before=-1", "before=1e9"])
def test_an_address_that_is_no_filter_is_refused(amk: httpx.Client, query: str) -> None:
    assert amk.get(f"{_PAGE}?{query}").status_code == 400


@given(st.dictionaries(st.sampled_from(["from", "until", "device", "result"]), st.text()))
def test_any_address_is_a_filter_or_refused(parameters: dict[str, str]) -> None:
    wanted = parse_filter(parameters)
    try:
        wanted.query()
    except BadFilter:
        return
    again = dict(httpx.QueryParams(wanted.address()).items())
    assert parse_filter(again) == wanted


def test_the_hour_that_comes_twice_is_wholly_inside() -> None:
    twice = RegisterFilter(start="2026-10-25T02:00", until="2026-10-25T03:00")
    assert twice.until_ms is not None
    assert twice.from_ms is not None
    assert twice.until_ms - twice.from_ms == 2 * 3_600_000


def test_what_is_new_is_asked_for_by_number(hub: Hub, amk: httpx.Client) -> None:
    last = amk.get(f"/api/v1{_PAGE}").json()["last"]
    hub.log("koffert-009", "koffert-001")
    answer = amk.get(f"/api/v1{_PAGE}?after={last}&device=koffert-009").json()
    assert [record["device"] for record in answer["records"]] == ["koffert-009"]
    assert answer["last"] == last + 2
    assert not answer["more"]


def test_a_hub_that_fell_silent_is_named(hub: Hub, amk: httpx.Client) -> None:
    assert "er taus" not in amk.get(_PAGE).text
    with hub.engine.begin() as connection:
        raise_alert(connection, LOG, Cause.HUB_SILENT, "15 s", now_ms=hub.now_ms())
    assert "dalane er taus" in amk.get(_PAGE).text
    assert amk.get(f"/api/v1{_PAGE}").json()["alarms"] == ["hub-silent"]


def test_a_record_is_checked_against_both_signatures(hub: Hub, amk: httpx.Client) -> None:
    hub.sign_log()
    html = amk.get(f"{_PAGE}/records/3?check=true").text
    assert "Posten er uendret" in html
    assert "Kontrasignert av AMK" in html
    assert "koffert log verify dalane-1-5.jsonl --key dalane-log.pub --key amk-log.pub" in html
    assert _looks(hub)[0].action is Action.CHECKED_RECORD


def test_a_record_that_nobody_has_signed_yet_says_so(amk: httpx.Client) -> None:
    html = amk.get(f"{_PAGE}/records/3?check=true").text
    assert "Posten er uendret" in html
    assert "Ikke kontrasignert av AMK ennå" in html


def test_of_a_rewritten_log_the_stretch_is_named(hub: Hub, amk: httpx.Client) -> None:
    hub.sign_log()
    rewrite(hub.engine, 3)
    html = amk.get(f"{_PAGE}/records/3?check=true").text
    assert "Loggen holder ikke: en av postene 1 til 5 er endret" in html
    assert "Kjeden stemmer ikke med et signert hode." in html


def test_a_record_that_was_changed_is_found(hub: Hub, amk: httpx.Client) -> None:
    hub.sign_log()
    log = tables.transmission_log
    with hub.engine.begin() as connection:
        third = log.c.sequence == 3
        record: bytes = connection.execute(sa.select(log.c.record).where(third)).scalar_one()
        forged = record.replace(b"koffert-002", b"koffert-004")
        connection.execute(log.update().where(third).values(record=forged))
    html = amk.get(f"{_PAGE}/records/4?check=true").text
    assert "Loggen holder ikke: post 3" in html


def test_what_is_searched_by_is_checked_too(hub: Hub, amk: httpx.Client) -> None:
    assert "Tid og koffert, som det søkes på, er som i posten." in _checked(amk, 3)
    log = tables.transmission_log
    with hub.engine.begin() as connection:
        connection.execute(log.update().where(log.c.sequence == 3).values(device="koffert-004"))
    html = _checked(amk, 3)
    assert "Kofferten som det søkes på, er en annen enn i posten." in html
    assert "Posten er uendret" not in html


def test_a_check_says_what_it_says_nothing_of(hub: Hub, amk: httpx.Client) -> None:
    assert "Innholdet ligger ikke her lenger." in _checked(amk, 3)
    assert "koffert log verify hub.toml" in _checked(amk, 3)
    with hub.engine.begin() as connection:
        tables.body.drop(connection)
    html = _checked(amk, 3)
    assert "Innholdet er ikke kontrollert: det ligger bare hos sentralen." in html
    assert "Posten er uendret" in html


def _checked(amk: httpx.Client, sequence: int) -> str:
    return amk.get(f"{_PAGE}/records/{sequence}?check=true").text


def test_the_stretch_of_a_check_starts_where_the_last_signature_stands(
    hub: Hub, amk: httpx.Client
) -> None:
    hub.sign_log()
    hub.log("koffert-001", "koffert-002")
    html = amk.get(f"{_PAGE}/records/6?check=true").text
    assert "fra post 6 til 7: 2 poster" in html


def test_an_export_verifies_offline(hub: Hub, amk: httpx.Client) -> None:
    hub.sign_log()
    answer = amk.get(f"{_PAGE}/export.jsonl?first=2&last=5")
    assert answer.headers["x-koffert-records"] == "4"
    assert 'filename="dalane-2-5.jsonl"' in answer.headers["content-disposition"]
    export = read_export(line + b"\n" for line in answer.content.splitlines())
    outcome = verify_export(export, [LOG_KEY.public_key(), AMK_KEY.public_key()])
    assert (outcome.ok, outcome.records, outcome.heads) == (True, 4, 2)


def test_an_export_for_a_spreadsheet(amk: httpx.Client) -> None:
    lines = amk.get(f"{_PAGE}/export.csv").text.splitlines()
    assert lines[0].startswith("sequence,epoch,at_ms,event")
    assert len(lines) == 6
    assert amk.get(f"{_PAGE}/export.xlsx").status_code == 404


def _ask(amk: httpx.Client, name: str, reason: str) -> httpx.Response:
    html = amk.get(_PAGE).text
    csrf = html.partition('name="csrf" value="')[2].partition('"')[0]
    return amk.post(f"{_PAGE}/name", data={"csrf": csrf, "name": name, "reason": reason})


def _lend(hub: Hub, name: str, device: str) -> str:
    with hub.engine.begin() as connection:
        centre = registry.create_centre(connection, "Dalane DMS", now_ms=0)
        patient = registry.create_patient(connection, centre, name, now_ms=0)
        registry.create_device(connection, device, bytes(32), centre=centre, now_ms=0)
        registry.start_loan(connection, patient, device, rules=SIGNED, now_ms=0)
    return patient


def test_a_name_leads_to_its_transmissions_and_the_reason_is_on_record(
    hub: Hub, amk: httpx.Client
) -> None:
    patient = _lend(hub, "Testpasient 1", "koffert-001")
    answer = _ask(amk, " testpasient  1", "ringer og er tungpust")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{_PAGE}?patient={patient}"
    look = _looks(hub)[0]
    assert (look.action, look.patient, look.detail) == (
        Action.SEARCHED_NAME,
        patient,
        "ringer og er tungpust",
    )


def test_two_of_one_name_are_told_apart_by_suitcase(hub: Hub, amk: httpx.Client) -> None:
    _lend(hub, "Testpasient 1", "koffert-001")
    _lend(hub, "Testpasient 1", "koffert-002")
    html = _ask(amk, "Testpasient 1", "ringer nå").text
    assert "koffert-001" in html
    assert "koffert-002" in html
    assert "Testpasient 1" not in html


def test_nothing_is_searched_without_a_reason(hub: Hub, amk: httpx.Client) -> None:
    _lend(hub, "Testpasient 1", "koffert-001")
    for reason in ("", "   x   "):
        assert _ask(amk, "Testpasient 1", reason).status_code in (400, 422)
    assert all(look.action is not Action.SEARCHED_NAME for look in _looks(hub))


def test_no_name_and_no_value_stands_in_the_register(hub: Hub, amk: httpx.Client) -> None:
    hub.admit("Testpasient 1")
    hub.publish("Testpasient 1", spo2_pct=87.0)
    for path in (_PAGE, f"{_PAGE}/records/2", f"{_PAGE}/export.csv", f"/api/v1{_PAGE}"):
        assert "Testpasient" not in amk.get(path).text, path


def test_what_a_device_calls_itself_is_text(hub: Hub, amk: httpx.Client) -> None:
    hub.log("<script>alert(1)</script>", content='"><img src=x>', detail="<b>x</b>")
    for path in (_PAGE, f"{_PAGE}/records/6?check=true"):
        html = amk.get(path).text
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "<b>x" not in html
