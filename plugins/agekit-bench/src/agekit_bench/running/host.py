"""The machine under a runner: its GPUs, its threads, and the signal that stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

__all__ = ["Submit", "devices", "terminating", "threads"]

Submit = Callable[..., Any]
"""Starts a call elsewhere; what it gives has ``done()``, ``result()`` and ``cancel()``."""


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
