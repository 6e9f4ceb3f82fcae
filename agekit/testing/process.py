"""Commands and programs in a process of their own, and the modules that they import."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from click.testing import CliRunner

from agekit.cli import agekit

__all__ = ["command_json", "heavy_imports", "run_python"]

_HEAVY = ("torch", "timm", "mmengine", "cv2", "matplotlib")
_TELL = """
import sys
before = set(sys.modules)
try:
    {}
finally:
    print("\\n", *(set(sys.modules) - before), file=sys.stderr)
"""


def run_python(line: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Runs one line of Python; gives how it ended, and the modules that it imported.

    Args:
        line: the program.
        arguments: its ``sys.argv[1:]``.

    Raises:
        AssertionError: it says nothing to stdout, but what is wrong.
    """
    done = subprocess.run(
        [sys.executable, "-c", _TELL.format(line), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told, _, modules = done.stderr.rstrip().rpartition("\n")
    if not done.stdout:
        raise AssertionError(f"{line} with {' '.join(arguments)} says nothing but: {told.strip()}")
    return done, set(modules.split())


def heavy_imports(modules: set[str]) -> str:
    """Those of some modules that take long to import, in words; empty for none."""
    return ", ".join(name for name in _HEAVY if name in modules)


def command_json(*arguments: str) -> dict[str, Any]:
    """Runs a command of agekit in this process; gives the JSON document that it answers with.

    Raises:
        AgekitError: as the command would tell it.
        AssertionError: it ends with another exit code than 0.
    """
    done = CliRunner().invoke(agekit, [*arguments, "--json"], catch_exceptions=False)
    if done.exit_code:
        raise AssertionError(f"agekit {' '.join(arguments)} exited with {done.exit_code}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
