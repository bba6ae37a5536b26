"""The spirometry page of one patient."""

from collections.abc import Iterator

import httpx
import pytest

from koffert_hub.registry import Role
from koffert_hub.spirometry.analysis import BlowView, Trace
from koffert_hub.spirometry.tables import physique
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.blow_drawing import flow_volume, volume_time
from tests.hub.kit import NOON_MS
from tests.hub.spirometry.blows import blow, curve, follow, send, session
from tests.web.hub import Hub, client
from tests.web.lent import Lent, lent


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


@pytest.fixture(name="nurse")
def fixture_nurse(hub: Hub) -> httpx.Client:
    return client(hub, Role.NURSE)


def _csrf(html: str) -> str:
    return html.partition('name="csrf" value="')[2].partition('"')[0]


def test_without_a_session_the_page_says_what_will_be_here(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    assert "Ingen spirometri ennå" in nurse.get(f"/patients/{lent.patient}/spirometry").text
    looks = AccessLog(hub.engine).latest(5, before=2**62, patient=lent.patient)
    assert looks[0].action is Action.SAW_SPIROMETRY


def test_the_newest_session_with_blows_grades_and_words(lent: Lent, nurse: httpx.Client) -> None:
    early = session(lent.box, grade="C", fev1_l=1.1)
    send(lent.store, lent.box, early)
    lent.box.wait(3600)
    blows = [curve(lent.box), curve(lent.box, blow(until_s=1.5)), curve(lent.box, blow(0.97))]
    newest = session(lent.box, *blows)
    send(lent.store, lent.box, newest, *blows[:2])
    follow(lent.store)
    path = f"/patients/{lent.patient}/spirometry"
    html = nurse.get(path).text
    assert html.count('class="blow"') == 2 * 2
    assert "Sluttet for tidlig" in html
    assert "2 av 3 kurver har kommet" in html
    assert "minst tre gode" in html
    older = nurse.get(f"{path}?shown={early.id.hex()}").text
    assert "ikke sendt kurver" in older
    assert nurse.get(f"{path}?shown=00").status_code == 404
    dots = nurse.get(f"/api/v1{path}?start_ms={NOON_MS}&end_ms={NOON_MS + 1}").json()
    assert [(dot["fev1_l"], dot["grade"]) for dot in dots] == [(1.1, "C")]


def test_the_newest_session_is_shown_beside_the_picture_once_and_again_with_its_curves(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    beside = f"/patients/{lent.patient}/call/blow"
    assert nurse.get(beside).status_code == 204
    blows = [curve(lent.box), curve(lent.box, blow(0.97))]
    newest = session(lent.box, *blows, grade="B")
    send(lent.store, lent.box, newest)
    follow(lent.store)
    first = nurse.get(beside).text
    assert '<strong class="grade">B</strong>' in first
    assert "<svg" not in first
    known = first.partition('data-version="')[2].partition('"')[0]
    assert nurse.get(f"{beside}?known={known}").status_code == 204
    send(lent.store, lent.box, *blows)
    follow(lent.store)
    assert "<svg" in nurse.get(f"{beside}?known={known}").text
    looks = AccessLog(hub.engine).latest(9, before=2**62, patient=lent.patient)
    assert [look.action for look in looks].count(Action.SAW_SPIROMETRY) == 2


def test_reference_values_come_once_the_build_is_known(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    send(lent.store, lent.box, session(lent.box))
    follow(lent.store)
    path = f"/patients/{lent.patient}/spirometry"
    html = nurse.get(path).text
    assert "kjønn, fødselsdato og høyde" in html
    form = {"csrf": _csrf(html), "sex": "F", "birth_date": "1951-06-01", "height_cm": "162"}
    refused = nurse.post(f"/patients/{lent.patient}/build", data={**form, "reference": "none"})
    assert refused.status_code == 422
    for change in ({"height_cm": "1.62"}, {"birth_date": "1851-06-01"}, {"sex": "X"}):
        data = {**form, "reference": "gli2012", **change}
        assert nurse.post(f"/patients/{lent.patient}/build", data=data).status_code == 422
    assert lent.rows(physique) == 0
    done = nurse.post(f"/patients/{lent.patient}/build", data={**form, "reference": "gli2012"})
    assert done.status_code == 303
    html = nurse.get(path).text
    assert "GLI-2012" in html
    assert "under normalgrensen" in html
    looks = AccessLog(hub.engine).latest(5, before=2**62, patient=lent.patient)
    assert Action.CHANGED_BUILD in {look.action for look in looks}


def test_two_litres_a_second_are_as_long_as_one_litre() -> None:
    trace = Trace((0.0, 0.1, 1.0), (0.0, 1.0, 3.0), (0.0, 8.0, 0.5))
    view = BlowView(number=1, trace=trace, indices=None, judgement=None, hint=None)
    plot = flow_volume([view], {1: 0}, None)
    litres = plot.x_ticks[1].at - plot.x_ticks[0].at
    apart = float(plot.x_ticks[1].label) - float(plot.x_ticks[0].label)
    flows = plot.y_ticks[0].at - plot.y_ticks[1].at
    flow_apart = float(plot.y_ticks[1].label) - float(plot.y_ticks[0].label)
    assert litres / apart == pytest.approx(2 * flows / flow_apart, abs=0.5)
    assert plot.lines[0].path.count("L") == 2
    assert volume_time([], {}, None).lines == ()


def test_a_session_that_does_not_count_is_in_no_trend_and_says_who_struck_it(
    lent: Lent, nurse: httpx.Client
) -> None:
    good = session(lent.box, fev1_l=1.1)
    send(lent.store, lent.box, good)
    lent.box.wait(3600)
    send(lent.store, lent.box, wrong := session(lent.box, fev1_l=3.9))
    follow(lent.store)
    path = f"/patients/{lent.patient}/spirometry"
    html = nurse.get(path).text
    chosen = html.partition('name="chosen" value="')[2].partition('"')[0]
    assert chosen.endswith(wrong.id.hex())
    readings = f"/patients/{lent.patient}/readings"
    assert "3,90" in nurse.get(readings).text
    form = {"csrf": _csrf(html), "chosen": chosen, "reason": "not-this-patient"}
    assert nurse.post(readings, data=form).status_code == 303
    assert "ikke denne pasienten (Sykepleier Test)" in nurse.get(readings).text
    shown = nurse.get(path).text
    assert good.id.hex() in shown
    assert '<span class="big">1,10</span>' in shown
    assert (
        "Teller ikke: ikke denne pasienten (Sykepleier Test)"
        in nurse.get(f"{path}?shown={wrong.id.hex()}").text
    )
    dots = nurse.get(f"/api/v1{path}?start_ms=0&end_ms={2**61}").json()
    assert [dot["fev1_l"] for dot in dots] == [1.1]
