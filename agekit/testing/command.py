"""What agekit asks of a command that a plugin adds."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from agekit.cli import agekit
from agekit.discovery import module_paths
from agekit.registry import COMMANDS
from agekit.signature import describe

__all__ = ["check_command"]

_HEAVY = ("torch", "timm", "mmengine", "cv2", "matplotlib")
_HELP = """
import sys
from agekit.cli import main
try:
    main([sys.argv[1], "--help"])
finally:
    print(*sys.modules, file=sys.stderr)
"""
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
    if entry.name in agekit.table:
        raise AssertionError(
            f"agekit has a command {entry.name!r} of its own, so that this one is called "
            f"`agekit {entry.distribution}:{entry.name}` only: choose another name"
        )
    if not describe(entry) and module_paths(entry.module):
        raise AssertionError(
            f"{entry.module} says nothing of {entry.attribute}, so that `agekit --help` cannot: "
            "give it a docstring, or the help= of its click.command"
        )
    done = subprocess.run(
        [sys.executable, "-c", _HELP, name], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0 or not done.stdout.startswith("Usage:"):
        raise AssertionError(f"`agekit {name} --help` fails: {done.stderr.strip()}")
    loaded = done.stderr.strip().rpartition("\n")[2].split()
    if heavy := [module for module in _HEAVY if module in loaded]:
        raise AssertionError(
            f"`agekit {name} --help` imports {', '.join(heavy)}: import what is heavy inside the "
            "command's function, or behind agekit.cli's LazyGroup"
        )
    wrong = CliRunner().invoke(command, [_NO_OPTION])
    if wrong.exit_code != 2:
        raise AssertionError(
            f"{_NO_OPTION} ends with exit code {wrong.exit_code} and {wrong.output.strip()!r}; "
            "wrong usage is told, and ends with 2, as click does it"
        )
