"""The machine under a runner: its GPUs, and the signal that stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["devices", "terminating"]


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
