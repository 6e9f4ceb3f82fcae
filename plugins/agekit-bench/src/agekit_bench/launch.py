"""One attempt at a cell: its process is started, watched and, if it fails, written down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from agekit.errors import AgekitError
from agekit.recipe import resolve
from agekit_bench.failure import Kind, ended, last_lines, oom_kills, plain
from agekit_bench.machine import code_state
from agekit_bench.process import MACHINE, OUTCOME, RUN
from agekit_bench.result import CellError, Machine, Result
from agekit_bench.result_files import canonical_hash, read_result, write_result
from agekit_bench.spec import CellSpec, write_spec

__all__ = ["LOG", "attempt", "write_failure"]


LOG = "output.log"
_POLL = 0.2
_GRACE = 5.0
_LOG_LINES = 40
_LOG_BYTES = 6000


def attempt(
    folder: Path,
    spec: CellSpec,
    *,
    timeout: float | None = None,
    stop: threading.Event | None = None,
    retry: str | None = None,
) -> Result | None:
    """Trains a cell in a process of its own, from where it stopped.

    Args:
        folder: of the cell.
        spec: what it is.
        timeout: seconds after which the process is ended, and the cell has failed.
        stop: when set, the process is ended, and the cell can go on another time.
        retry: when the failed attempt began that this one is in place of; another is let be.

    Returns:
        Its result, done or failed, also where it is there already; None if another runner has the
        cell, or it was stopped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            known = _known(spec.result)
            if known is not None and (known.status == "done" or known.started != retry):
                return known
            return _run(folder, write_spec(folder, spec), timeout, stop)
    except Timeout:
        return None


def _known(path: Path) -> Result | None:
    if not path.exists():
        return None
    with suppress(AgekitError):
        return read_result(path)
    return None


def _run(
    folder: Path, spec: CellSpec, timeout: float | None, stop: threading.Event | None
) -> Result | None:
    started, began, kills = datetime.now(UTC), time.monotonic(), oom_kills()
    for left in (OUTCOME, MACHINE):
        (folder / left).unlink(missing_ok=True)
    with open(folder / LOG, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agekit_bench.process", str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={
                **os.environ,
                "AGEKIT_ONNX": "0",
                "COLUMNS": "120",
                "OMP_NUM_THREADS": str(spec.threads),
            },
        )
    late = False
    try:
        while process.poll() is None:
            late = timeout is not None and time.monotonic() - began > timeout
            if late or (stop is not None and stop.is_set()):
                break
            time.sleep(_POLL)
    finally:
        stopped = process.poll() is None
        _end(process)
    if (result := _known(spec.result)) is not None and result.status == "done":
        return result
    if stopped and not late:
        return None
    kind: Kind
    if late:
        kind, message = "timeout", f"not finished after {timeout:g} seconds"
    else:
        kind, message = _outcome(folder) or ended(process.returncode, kills, oom_kills())
    seconds = time.monotonic() - began
    return write_failure(folder, spec, kind, message, started, seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and what it started, the hard way if need be; a run can stand either."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        elif process.poll() is None:
            process.send_signal(number)


def _outcome(folder: Path) -> tuple[Kind, str] | None:
    """The failure that the process wrote down, if it could."""
    try:
        told = json.loads((folder / OUTCOME).read_bytes())
        return told["kind"], str(told["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_failure(
    folder: Path, spec: CellSpec, kind: Kind, message: str, started: datetime, seconds: float
) -> Result:
    """Writes down that a cell failed; names of this machine's folders are left out.

    Args:
        folder: of the cell.
        spec: what it is.
        kind: what happened.
        message: one line.
        started: when, UTC.
        seconds: how long it took.
    """
    names = {str(spec.root): "ROOT", str(folder): "CELL", str(Path.home()): "~"}
    info = _info(folder)
    recipe = _recipe(spec)
    log = "\n".join(last_lines(folder / LOG, _LOG_BYTES)[-_LOG_LINES:])
    result = Result(
        **spec.identity,
        split_hash=info.get("split_hash"),
        status="failed",
        error=CellError(kind=kind, message=plain(message, names), log=plain(log, names)),
        recipe=recipe,
        recipe_hash=None if recipe is None else canonical_hash(recipe),
        wall_seconds={"train": round(seconds, 3)},
        started=started.isoformat(timespec="seconds"),
        machine=_machine(folder),
        code=code_state(),
    )
    write_result(spec.result, result)
    return result


def _recipe(spec: CellSpec) -> dict[str, Any] | None:
    """The cell's recipe as plain data; None where its file is broken by now."""
    with suppress(AgekitError):
        return resolve(spec.recipe, preset=spec.preset, overrides=spec.settings).to_dict()
    return None


def _machine(folder: Path) -> Machine | None:
    """The machine that the process wrote down, if it got that far."""
    with suppress(OSError, ValueError):
        return Machine.model_validate_json((folder / MACHINE).read_bytes())
    return None


def _info(folder: Path) -> dict[str, Any]:
    """The run's `run.json`, if it got that far."""
    try:
        info = json.loads((folder / RUN / "run.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return info if isinstance(info, dict) else {}
