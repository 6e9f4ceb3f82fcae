"""Which device trains, in which precision, beside which other processes."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from agekit.discovery import core_version
from agekit.errors import ConfigError, counted

__all__ = [
    "autocast_dtype",
    "close_processes",
    "describe_device",
    "from_main",
    "init_processes",
    "mean_over_processes",
    "pick_device",
    "rank_and_world",
]

T = TypeVar("T")

if hasattr(os, "register_at_fork"):
    # The threads of torch's OpenMP pool stay behind in the parent, and a child that waits for them
    # waits for ever. With one thread it asks for none; the workers of torch's loader do so too.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Under ``torchrun`` a plain ``cuda`` is the process's own GPU.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"there is no device {name!r}", "use auto, cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda":
        index = int(os.environ.get("LOCAL_RANK", 0)) if device.index is None else device.index
        count = torch.cuda.device_count()
        if index >= count:
            raise ConfigError(
                f"{name!r} was asked for, and torch finds {counted(count, 'GPU')} here",
                "use --device cpu, or install a CUDA build of torch and its driver",
            )
        device = torch.device("cuda", index)
    elif device.type != "cpu":
        raise ConfigError(f"the device {name!r} is not supported", "use auto, cpu, cuda or cuda:N")
    return device


def init_processes(device: torch.device) -> None:
    """Joins the process group that ``torchrun`` describes: nccl on GPUs, gloo on CPUs."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def close_processes() -> None:
    """Leaves the process group, if there is one, once every process is about to.

    One that leaves while another still writes to it makes that one's threads abort.
    """
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def rank_and_world() -> tuple[int, int]:
    """This process's rank and the number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def mean_over_processes(values: torch.Tensor) -> torch.Tensor:
    """The mean of every process's `values`, on its own device; their own where there is one."""
    world = rank_and_world()[1]
    if world == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / world


def from_main(action: Callable[[], T]) -> T:
    """Does `action` in the first process alone and gives its result to all."""
    rank, world = rank_and_world()
    if world == 1:
        return action()
    result: list[Any] = [action() if rank == 0 else None]
    dist.broadcast_object_list(result, src=0)
    out: T = result[0]
    return out


def autocast_dtype(amp: str, device: torch.device) -> torch.dtype | None:
    """The dtype of autocast, or None for full precision.

    ``auto`` is bfloat16 where the device computes in it natively (most GPUs since Ampere, CPUs with
    AVX512-BF16 or AMX), ``bf16`` is bfloat16 anywhere, ``fp32`` is float32 anywhere.
    """
    if amp == "fp32":
        return None
    if amp == "bf16":
        return torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if native else None


def describe_device(device: torch.device) -> dict[str, Any]:
    """What a figure measured on this device must be quoted with."""
    # mmengine has two distributions of one import name, so the module itself is asked.
    from mmengine.version import __version__ as mmengine_version

    out: dict[str, Any] = {"device": str(device), "torch": torch.__version__}
    out |= {"mmengine": mmengine_version, "timm": version("timm"), "agekit": core_version()}
    if device.type == "cuda":
        out["device_name"] = torch.cuda.get_device_name(device)
        out["cuda"] = torch.version.cuda
    else:
        out["device_name"] = _processor()
    out["threads"] = torch.get_num_threads()
    out["python"] = platform.python_version()
    return out


def _processor() -> str:
    """The processor as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
