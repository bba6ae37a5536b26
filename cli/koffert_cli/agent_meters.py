"""`koffert agent scan`, `pair`, `unpair`, `devices` and `meters clear`: the Bluetooth meters of the case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from koffert_cli.agent_options import CONFIG, data_dir_of
from koffert_cli.output import EXIT_FAILED, CommandGroup, UserError, json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from koffert_agent.ble.book import MeterBook, PairedMeter
    from koffert_agent.ble.handling import Cleared, Found
    from koffert_agent.intake import SensorStatus

_FOR = click.option(
    "--for",
    "for_s",
    type=click.FloatRange(min=0.5),
    default=10.0,
    show_default=True,
    help="Seconds to listen.",
)
_ADDRESS = click.argument("address", metavar="ADDRESS")


@click.command()
@CONFIG
@_FOR
@click.option("--all", "everything", is_flag=True, help="Also what no driver knows.")
@json_option
def scan(config: Path, for_s: float, *, everything: bool, as_json: bool) -> None:
    """Listen for Bluetooth meters, and say which of them Koffert can read."""
    from koffert_agent.ble import handling  # noqa: PLC0415 - bleak is slow to load

    found: list[Found] = _run(handling.scan(_book(config), for_s))
    known = [each for each in found if each.driver]
    shown = found if everything else known
    if as_json:
        for each in shown:
            print_json(each)
        return
    for each in shown:
        click.echo(_found_line(each))
    if len(shown) < len(found):
        click.echo(f"and {len(found) - len(shown)} that no driver knows (--all shows them)")
    if not known:
        click.echo("No meter was heard. Most advertise only while they are worn or just used.")


@click.command()
@CONFIG
@_ADDRESS
@click.option("--driver", help="Its kind, where the scan does not say: see `koffert driver list`.")
@click.option(
    "--passkey",
    type=click.IntRange(0, 999_999),
    help="The digits that the meter shows or bears, if it asks for them.",
)
@_FOR
@json_option
def pair(
    config: Path,
    address: str,
    driver: str | None,
    passkey: int | None,
    for_s: float,
    *,
    as_json: bool,
) -> None:
    """Make the meter at ADDRESS one of this case: from now on it is read whenever it advertises."""
    from koffert_agent.ble import handling  # noqa: PLC0415
    from koffert_drivers.table import UnknownDevice  # noqa: PLC0415

    book = _book(config)
    try:
        meter: PairedMeter = _run(
            handling.pair(book, address, driver=driver, passkey=passkey, within_s=for_s)
        )
    except handling.NoDriver as error:
        raise UserError(
            str(error),
            probable_cause="its name and services are of no row in the device table",
            next_step=f"koffert agent pair {address} --driver DRIVER   (koffert driver list)",
        ) from error
    except UnknownDevice as error:
        raise UserError(str(error), next_step="koffert driver list") from error
    if as_json:
        print_json(meter)
    else:
        click.echo(f"{_meter_line(meter)}: paired. Put it on; the box reads it by itself.")


@click.command()
@CONFIG
@_ADDRESS
@json_option
def unpair(config: Path, address: str, *, as_json: bool) -> None:
    """The meter at ADDRESS is no longer one of this case; its bond is forgotten."""
    from koffert_agent.ble import handling  # noqa: PLC0415

    if not _run(handling.unpair(_book(config), address)):
        raise UserError(f"{address} is not paired", next_step="koffert agent devices")
    if as_json:
        print_json({"address": address.upper(), "paired": False})
    else:
        click.echo(f"{address.upper()}: no longer paired")


@click.command()
@CONFIG
@json_option
def devices(config: Path, *, as_json: bool) -> None:
    """The case's meters, and how the running box sees them."""
    book = _book(config)
    states = {status.port: status for status in _states(config) or ()}
    meters = {meter.address: meter for meter in _read(book)}
    ports = [*meters, *(port for port in states if port not in meters)]
    for port in ports:
        meter, status = meters.get(port), states.get(port)
        if as_json:
            print_json({"port": port, "paired": meter, "status": status})
        else:
            click.echo(_device_line(port, meter, status))
    if not ports and not as_json:
        click.echo("No meter belongs to this case yet. Try: koffert agent scan")


@click.group(cls=CommandGroup)
def meters() -> None:
    """What the meters of the case hold themselves."""


@meters.command()
@CONFIG
@_FOR
@json_option
@click.pass_context
def clear(context: click.Context, config: Path, for_s: float, *, as_json: bool) -> None:
    """Erase what each paired meter has stored, and see that it is gone; for a case that came back."""
    from koffert_agent.ble import handling  # noqa: PLC0415

    if _states(config) is not None:
        raise UserError(
            "the agent is running and holds the meters",
            next_step="systemctl stop koffert-agent",
            exit_code=EXIT_FAILED,
        )
    tell = print_json if as_json else _tell_cleared
    cleared: list[Cleared] = _run(handling.clear(_book(config), for_s, tell))
    if not cleared and not as_json:
        click.echo("No Bluetooth meter is paired.")
    if any(each.clearance in handling.UNCLEARED for each in cleared):
        context.exit(EXIT_FAILED)


def _tell_cleared(cleared: Cleared) -> None:
    words = {
        "cleared": "cleared",
        "no-memory": "no memory is known",
        "kept": "NOT cleared: use the maker's app",
        "failed": "NOT cleared",
    }
    detail = f" ({cleared.detail})" if cleared.detail else ""
    click.echo(f"{cleared.address}  {cleared.driver}  {words[cleared.clearance.value]}{detail}")


def _found_line(found: Found) -> str:
    from koffert_drivers.table import device  # noqa: PLC0415

    kind = device(found.driver).name if found.driver else "no driver knows it"
    mark = ", paired" if found.paired else ""
    return f"{found.address}  {found.name or '-'}  {kind}  {found.rssi_dbm} dBm{mark}"


def _meter_line(meter: PairedMeter) -> str:
    serial = f" number {meter.serial}" if meter.serial else ""
    return f"{meter.address}  {meter.name or meter.driver}{serial} ({meter.driver})"


def _device_line(port: str, meter: PairedMeter | None, status: SensorStatus | None) -> str:
    from koffert_cli.agent_report import sensor_text  # noqa: PLC0415

    name = _meter_line(meter) if meter else port
    return f"{name}: {sensor_text(status) if status else 'the agent does not run'}"


def _states(config: Path) -> Sequence[SensorStatus] | None:
    """The meters as the running agent has them; None when it does not run."""
    import asyncio  # noqa: PLC0415

    from koffert_agent.status import NotRunningError, ask  # noqa: PLC0415

    try:
        return asyncio.run(ask(data_dir_of(config))).sensors
    except NotRunningError:
        return None


def _book(config: Path) -> MeterBook:
    from koffert_agent.ble.book import MeterBook  # noqa: PLC0415

    folder = data_dir_of(config)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return MeterBook(folder)


def _read(book: MeterBook) -> tuple[PairedMeter, ...]:
    from koffert_agent.ble.book import UnreadableBook  # noqa: PLC0415

    try:
        return book.meters()
    except UnreadableBook as error:
        raise UserError(str(error), next_step="remove it and pair the meters anew") from error


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Do it, with the radio's and the book's troubles in words."""
    import asyncio  # noqa: PLC0415

    from koffert_agent.ble.book import UnreadableBook  # noqa: PLC0415
    from koffert_drivers.ble.errors import WORDS, BleError  # noqa: PLC0415

    try:
        return asyncio.run(work)
    except BleError as error:
        raise UserError(
            WORDS[error.reason],
            probable_cause=str(error),
            next_step=_NEXT_STEPS.get(error.reason.value, "koffert agent scan"),
            exit_code=EXIT_FAILED,
        ) from error
    except UnreadableBook as error:
        raise UserError(str(error), next_step="remove it and pair the meters anew") from error


_NEXT_STEPS = {
    "radio": "bluetoothctl show   (and: systemctl status bluetooth)",
    "permission": "run it as the agent's user, or as root",
    "refused": "switch Bluetooth off on phones nearby, then try again",
    "bond": "koffert agent pair ADDRESS --passkey DIGITS   (the meter shows or bears them)",
}
