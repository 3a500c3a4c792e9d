"""The command line `earmark`: gathers the commands, runs one, and turns errors into statuses."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import re
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from earmark.commands._console import say

# Everything else is imported where it is used: `earmark --help` answers at once.

__all__ = ["main"]

COMMANDS = (
    "extract",
    "classify",
    "train",
    "evaluate",
    "insights",
    "beats",
    "tag",
    "untag",
    "watch",
    "playlist",
    "similar",
    "duplicates",
    "export",
    "merge",
    "info",
    "doctor",
    "app",
)
"""In the order in which the help names them; each is a module of `earmark.commands`."""

app = typer.Typer(
    name="earmark",
    help="Turn a folder of music into a table of audio descriptors and a genre for every track.",
    epilog="Example:  earmark classify ~/Music -o genres.csv\n\n"
    "Exit status:  0 done, what failed is named; 1 nothing could be done, a source that was "
    "named is not there, or with --strict something failed; 2 wrong usage; 130 interrupted (143 by "
    "SIGTERM).\n\n"
    "Results go to stdout, progress and notes to stderr.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from earmark.version import __version__

        print(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


class Terminated(KeyboardInterrupt):
    """The system asks the program to end (SIGTERM): it does as after Ctrl-C."""


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    """Have a command say how to go on when it is stopped; Typer would end without a word."""

    def stop(*_: object) -> None:
        raise Terminated

    @functools.wraps(command)
    def run(**options: Any) -> None:
        # Only the main thread may be told.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, stop)
        try:
            command(**options)
        except KeyboardInterrupt as stopped:
            say(str(stopped) or "stopped")
            raise typer.Exit(143 if isinstance(stopped, Terminated) else 130) from None
        finally:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGTERM, signal.SIG_DFL)

    return run


def _paragraphs(docstring: str | None) -> str:
    """Return a docstring whose paragraphs are lines: Typer would keep the breaks of the source."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(docstring or ""))


for _name in COMMANDS:
    _module = importlib.import_module(f"earmark.commands.{_name}")
    app.command(
        _name,
        cls=getattr(_module, "PARSER", None),
        help=_paragraphs(_module.command.__doc__),
        epilog=f"Example:  {_module.EXAMPLE}",
    )(_stoppable(_module.command))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; errors become one line on stderr and an exit status."""
    from earmark.extract.errors import EarmarkError, SettingsError

    try:
        app(args=arguments)
    except SettingsError as error:
        say(str(error))
        sys.exit(2)
    except EarmarkError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        say(f"cannot go on: {error.strerror or error}")
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
