"""The `agekit` command: a table of lazily imported commands, and how errors reach people."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence

import click

from agekit.cli.convert import ConvertGroup
from agekit.cli.groups import CommandGroup, LazyCommand, LazyGroup
from agekit.cli.output import printable, say
from agekit.discovery import core_version
from agekit.errors import AgekitError, causes, lacks_memory, one_line
from agekit.extras import COMPILED, missing_library

__all__ = ["agekit", "main"]

# Imports stand at the top of a module, here and in the whole core. Inside a function stands only
# what the start can do without and should not wait for: torch, timm, mmengine, matplotlib, pyarrow
# and the modules that import them, so that help, listings and wrong usage answer at once, and so
# that what needs none of these runs where they are not installed; rich, for the same reason, where
# a command may print without it; and what makes a circle that has no other way out.

_INTERRUPTED = 130
_MORE_MEMORY = (
    "use smaller batches (--batch-size, --set train.batch_size=N) or images (--set data.size=N), "
    "another --device, or end other programs"
)
_MORE_ROOM = "free some space, or write to another disk; TMPDIR and AGEKIT_CACHE say where to"
_HINTS = {
    errno.ENOMEM: _MORE_MEMORY,
    errno.ENOSPC: _MORE_ROOM,
    errno.EDQUOT: _MORE_ROOM,
}
"""Hints about errors of the system, by their number."""
_PLUGINS = {
    "list": LazyCommand(
        "agekit.cli.plugins_list", "list_", "List the installed distributions and what each gives."
    ),
}
_ZOO = {
    "list": LazyCommand("agekit.cli.zoo_list", "list_", "List the models."),
    "info": LazyCommand("agekit.cli.zoo_info", "info", "What is known of one."),
    "pull": LazyCommand("agekit.cli.zoo_pull", "pull", "Fetch models from the Hub."),
    "verify": LazyCommand("agekit.cli.zoo_verify", "verify", "Check models' files and outputs."),
}
_COMMANDS: dict[str, LazyCommand | LazyGroup] = {
    "list": LazyCommand("agekit.cli.list", "list_", "List the installed parts and recipes."),
    "plugins": CommandGroup(
        _PLUGINS,
        within="plugins.",
        name="plugins",
        help="List and check the installed plugins, or begin one.",
    ),
    "data": CommandGroup(
        {}, within="data.", name="data", help="List, check, prepare and pack datasets."
    ),
    "recipe": LazyCommand("agekit.cli.recipe", "recipe", "Show or copy a recipe."),
    "train": LazyCommand("agekit.cli.train", "train", "Train a recipe on a dataset."),
    "evaluate": LazyCommand("agekit.cli.evaluate", "evaluate", "Score a model on a dataset."),
    "predict": LazyCommand("agekit.cli.predict", "predict", "Predict the ages of faces in images."),
    "zoo": CommandGroup(
        _ZOO, within="zoo.", name="zoo", help="List, fetch, check and publish models."
    ),
    "convert": ConvertGroup(
        {},
        within="convert.",
        name="convert",
        help="Convert files of other toolkits into models, and back.\n\n`agekit convert SOURCE "
        "--out DIR` takes the converter that reads SOURCE; `agekit convert NAME --help` tells of "
        "one.",
    ),
}


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"agekit {core_version()}")
        context.exit()


agekit = CommandGroup(
    _COMMANDS,
    name="agekit",
    help="Train, compare, publish and run models of the face and its age.",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Args:
        arguments: what follows `agekit`; None takes those of the process.
    """
    _open_closed_streams()
    code = _run(arguments)
    try:
        # Left to Python, a full disk would be told by a traceback, after the exit code is settled.
        sys.stdout.flush()
    except OSError as error:
        code = code or _report_system_error(error)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Opens the standard streams that the caller closed, as `>&-` does, on nothing.

    Otherwise the next file opened takes the number of one, and is written to by whatever prints.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = agekit.main(
            args=None if arguments is None else [*arguments],
            prog_name="agekit",
            standalone_mode=False,
            color=False if os.environ.get("NO_COLOR") else None,
        )
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]
        error.show()
        return error.exit_code
    except AgekitError as error:
        return _report(*error.lines)
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__context__, EOFError):
            return _report("input ended before it was answered")
        _report("interrupted")
        return _INTERRUPTED
    except OSError as error:
        return _report_system_error(error)
    except Exception as error:
        if lacking := missing_library(error):
            return _report(*lacking.lines)
        if isinstance(error, ImportError) and str(error.path).endswith(COMPILED):
            text = f"the library {error.name} cannot be loaded: {one_line(error)}"
            return _report(*AgekitError(text, "install it again, and what it says it lacks").lines)
        if isinstance(error, RuntimeError) and "home directory" in str(error):
            text, hint = f"this user has no home folder: {error}", "set HOME to one you can use"
            return _report(*AgekitError(text, hint).lines)
        lack = next(filter(lacks_memory, causes(error)), None)
        if lack is None:
            raise
        lines = str(lack).splitlines() or ["not told how much was asked for"]
        return _report(*AgekitError(f"out of memory: {lines[0]}", _MORE_MEMORY).lines)


def _report(message: str, *more: str) -> int:
    """Writes an error, after the traceback under `AGEKIT_DEBUG=1`; gives the exit code."""
    if os.environ.get("AGEKIT_DEBUG", "0") not in ("", "0"):
        traceback.print_exc()
    say(f"error: {message}")
    for line in more:
        say(line)
    return 1


def _report_system_error(error: OSError) -> int:
    """Reports a file or the system failing; a reader that closed its pipe is no error to report."""
    if error.errno in (errno.EPIPE, errno.ENOSPC):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        os.dup2(nowhere, sys.stderr.fileno())
        return 1
    where = f": {error.filename}" if error.filename is not None else ""
    hint = _HINTS.get(error.errno or 0, "")
    return _report(*AgekitError(f"{error.strerror or error}{where}", hint).lines)
