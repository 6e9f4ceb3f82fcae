"""Throughput and peak memory of training and inference."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import Literal

import torch

from agekit.errors import AgekitError, ConfigError
from agekit_bench.failure import classify
from agekit_bench.speed.workload import Phase, Workload

__all__ = ["Measurement", "Quartiles", "attempt", "measure"]


BLOCKS = 12
"""How many times are taken; each is of as many runs as fill its share of the seconds."""
FEWEST = 3
WARM_UP = 3

_OPTION = ("--set data.size=", "--size ")
"""What hints call the size of images, and what `agekit bench speed` does."""
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Quartiles:
    """The median of some figures, and the quartiles below and above."""

    median: float
    q1: float
    q3: float


@dataclass(frozen=True)
class Measurement:
    """The measurements of one workload.

    Attributes:
        name: of the recipe or model.
        kind: which of the two.
        phase: ``train`` or ``infer``.
        asked: the batch size that was asked for.
        batch_size: the one that was measured: halved as often as memory was lacking.
        size: side of the images, pixels.
        dtype: ``fp32``, or ``bf16`` by autocast.
        parameters: of the network.
        images_per_second: over the timed blocks; None where nothing could be measured.
        milliseconds: of one batch.
        blocks: how many were timed.
        runs: in each block.
        peak_memory: bytes: ``cuda``, allocated by torch; ``rss``, of the whole process.
        note: what is to be known about the figures, or "".
        error: why there are none, or None.
    """

    name: str
    kind: Literal["recipe", "model"]
    phase: Phase
    asked: int
    batch_size: int
    size: int
    dtype: Literal["fp32", "bf16"]
    parameters: int | None = None
    images_per_second: Quartiles | None = None
    milliseconds: Quartiles | None = None
    blocks: int = 0
    runs: int = 0
    peak_memory: dict[str, int] | None = None
    note: str = ""
    error: str | None = None


def attempt(
    workload: Workload, batch_size: int, device: torch.device, *, seconds: float = 3.0
) -> Measurement:
    """Times a workload as `measure` does; one that fails has an error for its figures."""
    try:
        return measure(workload, batch_size, device, seconds=seconds)
    except Exception as error:
        why = classify(error)[1]
        if isinstance(error, AgekitError) and error.hint:
            why += f"; {error.hint.replace(*_OPTION)}"
        return replace(_blank(workload, batch_size, batch_size), error=why)


def measure(
    workload: Workload, batch_size: int, device: torch.device, *, seconds: float = 3.0
) -> Measurement:
    """Times a workload; where memory is lacking the batch is halved, and the note says so.

    Args:
        workload: what.
        batch_size: images at a time.
        device: where.
        seconds: to spend on the timed blocks, about.

    Raises:
        ConfigError: it does not take images of that size.
    """
    if batch_size < workload.smallest:
        raise ConfigError(f"{workload.name}: batches of {workload.phase} are {workload.smallest}+")
    batch, lacked = batch_size, ""
    while batch >= workload.smallest:
        try:
            return _measured(workload, batch_size, batch, device, seconds)
        except Exception as error:
            kind, lacked = classify(error)
            if kind != "memory":
                raise
        batch //= 2
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return replace(
        _blank(workload, batch_size, workload.smallest),
        error=f"out of memory at a batch of {workload.smallest}: {lacked}",
    )


def _measured(
    workload: Workload, asked: int, batch: int, device: torch.device, seconds: float
) -> Measurement:
    _reset_peak(device)
    run, parameters = workload.prepare(batch, device)
    for _ in range(WARM_UP):
        once = _time(run, 1, device)
    runs = max(1, int(seconds / BLOCKS / once))
    blocks = min(BLOCKS, max(FEWEST, int(seconds / (runs * once))))
    times = [_time(run, runs, device) / runs for _ in range(blocks)]
    low, middle, high = quantiles(times, n=4)
    return replace(
        _blank(workload, asked, batch),
        parameters=parameters,
        images_per_second=Quartiles(batch / middle, batch / high, batch / low),
        milliseconds=Quartiles(1000 * middle, 1000 * low, 1000 * high),
        blocks=blocks,
        runs=runs,
        peak_memory=_peak(device),
        note="" if batch == asked else f"out of memory at a batch of {2 * batch}; halved",
    )


def _blank(workload: Workload, asked: int, batch: int) -> Measurement:
    """Without a figure yet."""
    return Measurement(
        workload.name,
        workload.kind,
        workload.phase,
        asked,
        batch,
        workload.size,
        "fp32" if workload.dtype is None else "bf16",
    )


def _time(run: Callable[[], object], runs: int, device: torch.device) -> float:
    """Seconds of some runs, until the device is done."""
    _wait(device)
    began = time.perf_counter()
    for _ in range(runs):
        run()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_peak(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        # The peak of a device that nothing was asked of yet cannot be reset.
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def _peak(device: torch.device) -> dict[str, int]:
    """Bytes since `_reset_peak`; of ``rss`` since the process began where it cannot be reset."""
    peak = {"rss": _peak_rss()}
    if device.type == "cuda":
        peak["cuda"] = torch.cuda.max_memory_allocated(device)
    return peak


def _peak_rss() -> int:
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
