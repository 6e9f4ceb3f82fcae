"""The process of a cell: `python -m agekit_bench.process FOLDER` trains, scores, writes down.

It ends with 0 when the result is written, else it leaves `OUTCOME` in the folder. It ends itself
when whoever started it is gone: nobody then waits for it, and the next runner goes on with it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agekit.atomic import write_text
from agekit.errors import AgekitError
from agekit_bench.failure import classify
from agekit_bench.spec import CellSpec, hash_initial, is_same_initial, read_spec, save_initial

if TYPE_CHECKING:
    from agekit.recipe import Resolved
    from agekit.training.carry_out import TrainResult

__all__ = ["LOCK", "MACHINE", "OUTCOME", "RUN", "main", "run_cell"]


OUTCOME = "outcome.json"
RUN = "run"
MACHINE = "machine.json"
LOCK = ".process.lock"
_PATIENCE = 60.0
"""Seconds that a process which is being ended may take to let go of its cell."""


def main(arguments: Sequence[str]) -> int:
    """Runs the cell of a folder; gives the exit code.

    Args:
        arguments: the folder; ``--alone`` goes on though standard input ends.
    """
    folder = Path(arguments[0])
    if "--alone" not in arguments:
        threading.Thread(target=_end_with_starter, daemon=True).start()
    outcome = folder / OUTCOME
    outcome.unlink(missing_ok=True)
    try:
        run_cell(folder, read_spec(folder))
    except Exception as error:
        traceback.print_exc()
        kind, message = classify(error)
        write_text(outcome, json.dumps({"kind": kind, "message": message}) + "\n")
        return 1
    return 0


def run_cell(folder: Path, spec: CellSpec) -> None:
    """Trains a cell, from where it stopped, and writes its result.

    Nothing is done where a process that had the cell before has finished it meanwhile.

    Args:
        folder: of the cell.
        spec: what it is.

    Raises:
        AgekitError: it cannot be trained or scored.
    """
    started = datetime.now(UTC)
    import torch
    from filelock import FileLock

    from agekit.device import pick_device
    from agekit_bench.machine import Energy, code_state, machine
    from agekit_bench.make_result import make_result
    from agekit_bench.result_files import is_kept

    torch.set_num_threads(spec.threads)
    device, code = pick_device(spec.device), code_state()
    write_text(folder / MACHINE, machine(device).model_dump_json() + "\n")
    with FileLock(folder / LOCK, timeout=_PATIENCE):
        if is_kept(spec.result):
            return
        energy = Energy(device)
        before, began = _seconds_before(folder / RUN), time.perf_counter()
        done, resumed = _train(folder, spec)
        make_result(
            spec,
            done,
            device=device,
            code=code,
            started=started,
            train_seconds=time.perf_counter() - began + (before if resumed else 0.0),
            energy=None if resumed else energy.joules,
        )


def _train(folder: Path, spec: CellSpec) -> tuple[TrainResult, bool]:
    """The finished run, and whether it was begun before."""
    from rich.console import Console

    from agekit.recipe import resolve
    from agekit.training.resume import resume
    from agekit.training.train import train

    run, console = folder / RUN, Console(stderr=True)
    resolved = resolve(spec.recipe, preset=spec.preset, overrides=spec.settings)
    start = hash_initial(spec.weights, spec.alignment)
    if is_same_initial(folder, start) and _is_begun(run, spec, resolved):
        _place(run, spec)
        return resume(run, device=spec.device, console=console), True
    shutil.rmtree(run, ignore_errors=True)
    save_initial(folder, start)
    return train(
        spec.recipe,
        spec.dataset,
        root=spec.root,
        columns=spec.columns,
        protocol=spec.protocol,
        preset=spec.preset,
        overrides=spec.settings,
        init=spec.weights,
        as_chips=spec.as_chips,
        alignment=spec.frame,
        device=spec.device,
        seed=spec.seed,
        out=run,
        console=console,
    ), False


def _is_begun(run: Path, spec: CellSpec, resolved: Resolved) -> bool:
    """True if a run is there that is this cell's: another recipe's is none."""
    from agekit.recipe import resolve

    try:
        info = json.loads((run / "run.json").read_bytes())
        kept = resolve(str(run / "recipe.yaml"))
    except (OSError, ValueError, AgekitError):
        return False
    same = (info.get("protocol"), info.get("seed")) == (spec.protocol, spec.seed)
    return same and kept.recipe == resolved.with_changes(info.get("adopted") or {}).recipe


def _place(run: Path, spec: CellSpec) -> None:
    """Tells a run where its dataset lies now, and what its columns are called."""
    from agekit.training.run import Run

    begun = Run(run)
    info = begun.read_info()
    root = None if spec.root is None else str(spec.root.resolve())
    here = {"root": root, **({"columns": spec.columns} if spec.columns else {})}
    if info != info | here:
        begun.check()
        begun.write(begun.info, json.dumps(info | here, indent=1) + "\n")


def _seconds_before(run: Path) -> float:
    """The seconds of the epochs that were trained before this process."""
    total = 0.0
    with suppress(OSError):
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, TypeError):
                total += float(json.loads(line).get("seconds", 0.0))
    return total


def _end_with_starter() -> None:
    """Waits until standard input ends, which is when the starter does, and ends this group."""
    with suppress(OSError):
        while os.read(0, 1):
            pass
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
