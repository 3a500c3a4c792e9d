"""The command line `earmark`: gathers the commands, runs one, and turns errors into statuses."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Annotated, NoReturn

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
    "playlist",
    "similar",
    "duplicates",
    "export",
    "merge",
    "info",
    "app",
)
"""In the order in which the help names them; each is a module of `earmark.commands`."""

app = typer.Typer(
    name="earmark",
    help="Turn a folder of music into a table of audio descriptors and a genre for every track.",
    epilog="Example:  earmark classify ~/Music -o genres.csv",
    no_args_is_help=True,
    add_completion=False,
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


for _name in COMMANDS:
    _module = importlib.import_module(f"earmark.commands.{_name}")
    app.command(_name, cls=getattr(_module, "PARSER", None), epilog=f"Example:  {_module.EXAMPLE}")(
        _module.command
    )


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; errors become one line on stderr and an exit status."""
    from earmark.extract.errors import EarmarkError, SettingsError

    # Said by joblib when a run is interrupted; what was finished is kept all the same.
    warnings.filterwarnings("ignore", message=".*successfully executed but not used")
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
    except KeyboardInterrupt:
        say("stopped; an extraction goes on where it was when the same command is given again")
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
