"""The checks of a command that a plugin adds."""

from __future__ import annotations

from click.testing import CliRunner

from agekit.cli import agekit
from agekit.cli.groups import CommandGroup
from agekit.discovery import module_paths
from agekit.registry import COMMANDS
from agekit.signature import describe
from agekit_testkit.checks.process import heavy_imports, run_python

__all__ = ["check_command"]

_RUN = "from agekit.cli import main; main(sys.argv[1:])"
_NO_OPTION = "--no-such-option"


def check_command(name: str) -> None:
    """Checks a command: its help comes at once, is listed without an import, wrong usage is told.

    Args:
        name: the registry name, or `distribution:name`.

    Raises:
        AssertionError: saying what is wrong.
        AgekitError: it cannot be found or loaded.
    """
    entry = COMMANDS.find(name)
    command = COMMANDS.get(name)
    within, _, bare = entry.name.rpartition(".")
    group = agekit.table.get(within) if within else agekit
    if not isinstance(group, CommandGroup):
        raise AssertionError(f"agekit has no group of commands {within!r} for {entry.name!r}")
    if bare in group.table:
        raise AssertionError(
            f"agekit has a command {entry.name!r} of its own, so that this one is called "
            f"`{' '.join(('agekit', *within.split()))} {entry.distribution}:{bare}` only: choose "
            "another name"
        )
    call = [*within.split(), name.replace(entry.name, bare)]
    called = " ".join(["agekit", *call])
    if not describe(entry) and module_paths(entry.module):
        raise AssertionError(
            f"{entry.module} says nothing of {entry.attribute}, so that `agekit --help` cannot: "
            "give it a docstring, or the help= of its click.command"
        )
    done, modules = run_python(_RUN, *call, "--help")
    if done.returncode != 0 or not done.stdout.startswith("Usage:"):
        raise AssertionError(f"`{called} --help` fails: {done.stderr.strip()}")
    if heavy := heavy_imports(modules):
        raise AssertionError(
            f"`{called} --help` imports {heavy}: import what is heavy inside the command's "
            "function, or behind agekit.cli's LazyGroup"
        )
    wrong = CliRunner().invoke(command, [_NO_OPTION])
    if wrong.exit_code != 2:
        raise AssertionError(
            f"{_NO_OPTION} ends with exit code {wrong.exit_code} and {wrong.output.strip()!r}; "
            "wrong usage is told, and ends with 2, as click does it"
        )
