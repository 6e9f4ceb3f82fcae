"""Workers of cells: threads that wait for processes, or jobs of a cluster; devices and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from agekit.errors import ConfigError

__all__ = ["ENGINES", "Jobs", "Options", "Submit", "devices", "terminating", "threads"]


Submit = Callable[..., Any]
"""Starts a call elsewhere; what it gives has ``done()``, ``result()`` and ``cancel()``."""


@dataclass(frozen=True)
class Options:
    """The options of a suite's run.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; several jobs share all GPUs out.
        jobs: cells at a time.
        retry_failed: whether cells that failed are tried again.
        timeout: seconds for each cell.
        judges: of agers, in place of the suite's.
        cluster: one of `ENGINES`, None for this machine.
        settings: of the cluster's jobs.
    """

    device: str = "auto"
    jobs: int = 1
    retry_failed: bool = False
    timeout: float | None = None
    judges: Sequence[str] = ()
    cluster: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def terminating() -> Iterator[None]:
    """SIGTERM stops a runner as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def devices(device: str, jobs: int) -> list[str]:
    """The device of each job: several jobs take the GPUs in turn."""
    if device not in ("auto", "cuda") or jobs == 1:
        return [device]
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        count = len([name for name in visible.split(",") if name.strip()])
    else:
        count = 0
        with suppress(OSError, subprocess.SubprocessError):
            listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=30)
            count = listed.stdout.count(b"GPU ")
    return [f"cuda:{index}" for index in range(count)] if count > 1 else [device]


@contextmanager
def threads(many: int, stop: threading.Event) -> Iterator[Submit]:
    """Threads that wait for processes; each call is given `stop`, by that name."""
    with ThreadPoolExecutor(many) as pool:

        def submit(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
            return pool.submit(call, *arguments, stop=stop, **named)

        yield submit


ENGINES = ("slurm", "local")
"""``local`` runs jobs as processes of this machine, to try things out."""


class Jobs:
    """Submits calls as jobs, which have ``done()``, ``result()`` and ``cancel()``.

    Args:
        engine: one of `ENGINES`.
        folder: where jobs leave their logs.
        settings: of the jobs, as submitit's executor takes them: ``timeout_min``,
            ``slurm_partition``, ``gpus_per_node`` and the like.

    Raises:
        ConfigError: submitit is not installed, or refuses the engine or a setting.
    """

    def __init__(self, engine: str, folder: Path, settings: Mapping[str, Any]) -> None:
        try:
            submitit = import_module("submitit")
        except ImportError as error:
            raise ConfigError(
                "--cluster needs submitit, which is not installed",
                "`pip install 'agekit-bench[slurm]'`, or leave --cluster out",
            ) from error
        try:
            self._executor = submitit.AutoExecutor(folder=str(folder), cluster=engine)
            self._executor.update_parameters(**settings)
        except (RuntimeError, TypeError, ValueError, NameError) as error:
            raise ConfigError(
                f"submitit cannot use the cluster {engine!r} so: {error}",
                "see its documentation for what --slurm KEY=VALUE takes",
            ) from error

    def submit(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Submits one call; both must be picklable."""
        return self._executor.submit(call, *arguments, **named)
