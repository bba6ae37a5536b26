"""What all commands share: JSON on stdout, errors that say what to type next, exit codes.

Exit codes: 0 done, 1 the work failed or its reader went away, 2 bad input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count


class UserError(Exception):
    """Something the person at the terminal can mend: what happened, why probably, what to type next."""

    def __init__(
        self,
        message: str,
        *,
        probable_cause: str = "",
        next_step: str = "",
        exit_code: int = EXIT_BAD_INPUT,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.probable_cause = probable_cause
        self.next_step = next_step
        self.exit_code = exit_code

    def as_record(self) -> dict[str, str]:
        """Return the machine's form; empty parts are left out."""
        parts = {
            "error": self.message,
            "probable_cause": self.probable_cause,
            "next_step": self.next_step,
        }
        return {name: text for name, text in parts.items() if text}

    def as_text(self) -> str:
        """Return the person's form, up to three lines."""
        lines = (
            f"Error: {self.message}",
            f"  Why: {self.probable_cause}" if self.probable_cause else "",
            f"  Try: {self.next_step}" if self.next_step else "",
        )
        return "\n".join(line for line in lines if line)


def print_json(record: object, *, err: bool = False) -> None:
    """Print one line of JSON and flush it, so that a reader of a stream sees it at once.

    Takes what msgspec encodes: Structs, dataclasses, dicts, datetimes, enums. NaN becomes null.
    """
    import msgspec  # noqa: PLC0415 - `koffert --help` does without it

    stream = sys.stderr if err else sys.stdout
    stream.write(msgspec.json.encode(record).decode() + "\n")
    stream.flush()


def json_option(command: Command) -> Command:
    """Add `--json`, which reaches the command as `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, one object or one per line."
    )(command)


class CommandGroup(click.Group):
    """A click group whose errors, click's own too, come out in the house's form."""

    group_class = type  # sub-groups made with @group.group() are of this class as well

    def main(  # type: ignore[override]  # narrower: it always ends the process
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line and exit with its code."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra.pop("standalone_mode", None)
        sys.exit(self._exit_code(arguments, prog_name, extra))

    def _exit_code(self, arguments: list[str], prog_name: str | None, extra: dict[str, Any]) -> int:
        try:
            result = super().main(arguments, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()
        except UserError as error:
            return report(error, as_json=wants_json(arguments))
        except click.ClickException as error:
            return report(from_click(error), as_json=wants_json(arguments))
        except (click.Abort, KeyboardInterrupt):
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            # Else the interpreter meets the closed pipe once more while it shuts down. The code is
            # the one that click gives where the pipe breaks inside the command.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_FAILED
        return result if isinstance(result, int) else EXIT_OK


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether a program reads the answer: it asked for JSON, or stdout is not a terminal."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options or not sys.stdout.isatty()


def report(error: UserError, *, as_json: bool) -> int:
    """Print the error on stderr and return the exit code."""
    if as_json:
        print_json(error.as_record(), err=True)
    else:
        click.echo(error.as_text(), err=True)
    return error.exit_code


def from_click(error: click.ClickException) -> UserError:
    """Put click's own complaint in the house's form, with the help command as the next step."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return UserError(
        error.format_message(),
        next_step=f"{context.command_path} --help" if context else "",
        exit_code=error.exit_code,
    )
