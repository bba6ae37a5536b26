"""`koffert demo`: the whole system on this machine, with simulated patients."""

import asyncio
import contextlib
import tempfile
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from koffert_cli.demonstration.boxes import SimulatedBox
from koffert_cli.demonstration.children import free_port
from koffert_cli.demonstration.provision import NURSE, Ports, Site, provision
from koffert_cli.demonstration.site import Demonstration
from koffert_cli.demonstration.stopping import interruptible
from koffert_cli.demonstration.totals import Totals, totals
from koffert_cli.output import UserError, json_option, print_json
from koffert_hub.database import open_database

# Chosen when nobody asks for another and it is free: easy to remember, seldom taken.
USUAL_PORT = 8686
MOST_PATIENTS = 200


@click.command()
@click.option(
    "--patients",
    type=click.IntRange(1, MOST_PATIENTS),
    default=4,
    show_default=True,
    help="Boxes with a simulated oximeter, each a process of its own.",
)
@click.option(
    "--duration", "duration_s", type=click.FloatRange(min=1), help="Stop by itself after SECONDS."
)
@click.option("--port", type=click.IntRange(1, 65_535), help="The port of the nurse's page.")
@click.option(
    "--kiosks",
    type=click.IntRange(0, MOST_PATIENTS),
    default=1,
    show_default=True,
    help="How many of the boxes also show the patient's screen.",
)
@click.option("--headless", is_flag=True, help="Open no browser.")
@json_option
def demo(
    *,
    patients: int,
    duration_s: float | None,
    port: int | None,
    kiosks: int,
    headless: bool,
    as_json: bool,
) -> None:
    """Start broker, hub and boxes on this machine; Ctrl-C stops them and prints what was counted."""
    counted = asyncio.run(
        _demo(patients, duration_s, port, kiosks=kiosks, headless=headless, as_json=as_json)
    )
    if as_json:
        print_json(counted)
    else:
        _print_totals(counted)


async def _demo(
    patients: int,
    duration_s: float | None,
    port: int | None,
    *,
    kiosks: int,
    headless: bool,
    as_json: bool,
) -> Totals:
    with tempfile.TemporaryDirectory(prefix="koffert-demo-") as folder, interruptible() as stop:
        _report("making keys and certificates that live as long as this demonstration")
        site = provision(Path(folder), patients, _ports(port), datetime.now(UTC))
        demonstration = Demonstration(site, _report, kiosks=kiosks)
        try:
            await demonstration.start()
            url = f"http://127.0.0.1:{site.ports.web}/"
            _announce(url, NURSE, site.password, demonstration.boxes, as_json=as_json)
            if not headless:
                webbrowser.open(url)
            await _wait(stop, duration_s)
        finally:
            await demonstration.stop()
        return _count(site, demonstration.boxes)


def _count(site: Site, boxes: list[SimulatedBox]) -> Totals:
    engine = open_database(site.database_url)
    try:
        return totals([reading for box in boxes for reading in box.acknowledged], engine)
    finally:
        engine.dispose()


def _ports(port: int | None) -> Ports:
    return Ports(devices=free_port(), hub=free_port(), web=_web_port(port))


def _web_port(wanted: int | None) -> int:
    try:
        return free_port(wanted or USUAL_PORT)
    except OSError as error:
        if wanted is None:
            return free_port()
        raise UserError(
            f"port {wanted} is taken",
            probable_cause="another program, perhaps another demonstration, uses it",
            next_step="koffert demo, without --port, takes a free one",
        ) from error


async def _wait(stop: asyncio.Event, duration_s: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            await stop.wait()


def _report(step: str) -> None:
    click.echo(f"… {step}", err=True)


def _announce(
    url: str, username: str, password: str, boxes: list[SimulatedBox], *, as_json: bool
) -> None:
    ports = [box.kiosk_port for box in boxes if box.kiosk_port is not None]
    kiosk = f"http://127.0.0.1:{ports[0]}/" if ports else None
    if as_json:
        login = {"username": username, "password": password}
        print_json({"url": url, "login": login, "kiosk": kiosk})
        return
    click.echo(f"Open {url} and log in as {username} with {password}")
    if kiosk is not None:
        click.echo(f"The first patient's screen, made for 1024×600: {kiosk}")
    click.echo("Ctrl-C stops everything and prints the totals.", err=True)


def _print_totals(counted: Totals) -> None:
    for name, value in msgspec.structs.asdict(counted).items():
        click.echo(f"{name:16} {'–' if value is None else value}")
