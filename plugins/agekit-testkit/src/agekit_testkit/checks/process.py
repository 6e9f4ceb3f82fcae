"""Commands and programs in a process of their own, and the modules that they import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner

from agekit.cli import agekit

__all__ = ["command_json", "heavy_imports", "run_python", "train_briefly"]

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


def train_briefly(
    dataset: str,
    root: Path | None = None,
    *options: str,
    recipe: str = "reg-resnet10-tiny",
    size: int = 32,
    out: Path | None = None,
) -> dict[str, Any]:
    """Trains one epoch on a dataset by ``agekit train --as-chips`` and gives its answer.

    Args:
        dataset: its registry name.
        root: where it lies; a few faces of each split will do. None where it needs none.
        options: more of the command's options.
        recipe: what to train.
        size: of the images, in pixels.
        out: the run's folder; None keeps nothing.

    Returns:
        The JSON document of ``agekit train --json``.

    Raises:
        AgekitError: as the command would tell it.
    """
    with TemporaryDirectory() as folder:
        return command_json(
            *("train", recipe, dataset, "--out", str(out or f"{folder}/run")),
            *(() if root is None else ("--root", str(root))),
            *("--preset", "quick", "--epochs", "1", "--device", "cpu", "--as-chips"),
            *("--set", f"data.size={size}", "--set", "train.batch_size=8", *options),
        )
