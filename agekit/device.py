"""The device that trains, its precision, and the other processes beside it."""

from __future__ import annotations

import logging
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from agekit.discovery import core_version
from agekit.errors import AgekitError, ConfigError, counted, one_line

__all__ = [
    "autocast_dtype",
    "close_processes",
    "describe_device",
    "float32_kind",
    "float32_products",
    "from_main",
    "has_bfloat16",
    "init_processes",
    "mean_over_processes",
    "pick_device",
    "rank_and_world",
    "seeded",
]

T = TypeVar("T")
_CPU = "use --device cpu"
_NO_RUNTIME = "No CUDA runtime is found"
_DEVICES = "use auto, cpu, mps, cuda or cuda:N"

# Where a toolkit is and no GPU, torch warns of it when it compiles, though nobody asked for a GPU.
logging.getLogger("torch.utils.cpp_extension").addFilter(
    lambda record: not str(record.msg).startswith(_NO_RUNTIME)
)

if hasattr(os, "register_at_fork"):
    # The threads of torch's OpenMP pool stay behind in the parent, and a child that waits for them
    # waits for ever. With one thread it asks for none; the workers of torch's loader do so too.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    ``auto`` is a GPU that works, else Apple's (``mps``), else the CPU. Under ``torchrun`` a plain
    ``cuda`` is the process's own GPU. What is asked of "the GPU" from then on is asked of this one.

    Raises:
        ConfigError: there is no such device here, or it does not work.
    """
    if name == "auto":
        return _automatic()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"there is no device {name!r}", _DEVICES) from error
    if device.type == "cuda":
        index = _local_gpu() if device.index is None else device.index
        if fault := _fault_of_gpu(index)[1]:
            raise ConfigError(
                f"{name!r} was asked for, and {fault}",
                "use --device cpu, or install a CUDA build of torch and its driver",
            )
        torch.cuda.set_device(index)
        _set_tf32(False)
        return torch.device("cuda", index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"{name!r} was asked for, and torch finds no GPU of Apple's here", _CPU)
    if device.type not in ("cpu", "mps"):
        raise ConfigError(f"the device {name!r} is not supported", _DEVICES)
    return device


def _automatic() -> torch.device:
    there, fault = _fault_of_gpu(_local_gpu())
    if there and not fault:
        return pick_device("cuda")
    if there:
        _tell_once(f"note: the CPU computes: {fault}; --device cpu asks for it")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _local_gpu() -> int:
    return int(os.environ.get("LOCAL_RANK", 0))


@cache
def _fault_of_gpu(index: int) -> tuple[bool, str]:
    """True if a GPU seems to be there, and why it cannot be used; "" where it can.

    It is tried: torch finds GPUs that fail at their first operation, and of a driver that it
    cannot use it only warns.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if index < count:
            try:
                torch.ones(2, device=f"cuda:{index}").sum().item()
            except Exception as error:
                return True, f"cuda:{index} does not work: {one_line(error)}"
            return True, ""
    why = f" ({' '.join(str(told[0].message).split())})" if told else ""
    return bool(told), f"torch finds {counted(count, 'GPU')} here{why}"


@cache
def _tell_once(line: str) -> None:
    print(line, file=sys.stderr)


def init_processes(device: torch.device) -> None:
    """Joins the process group that ``torchrun`` describes: nccl on GPUs, gloo on CPUs."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def close_processes(*, together: bool = True) -> None:
    """Leaves the process group, if there is one.

    Args:
        together: once every process is about to: one that leaves while another still writes to it
            makes that one's threads abort. Where this one has failed nobody is waited for.
    """
    if dist.is_available() and dist.is_initialized():
        if together:
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
    """Does `action` in the first process alone and gives its result to all.

    Raises:
        AgekitError: in the others, where it fails; so that no process waits for one that is gone.
    """
    rank, world = rank_and_world()
    if world == 1:
        return action()
    result: list[Any] = [None, ""]
    failed: BaseException | None = None
    if rank == 0:
        try:
            result[0] = action()
        except BaseException as error:
            failed = error
            result[1] = f"{type(error).__name__}: {one_line(error)}"
    dist.broadcast_object_list(result, src=0)
    if failed is not None:
        raise failed
    if result[1]:
        raise AgekitError(f"process {rank} ends, as the first one failed: {result[1]}")
    out: T = result[0]
    return out


def autocast_dtype(amp: str, device: torch.device) -> torch.dtype | None:
    """The dtype of autocast, or None for full precision.

    ``auto`` is bfloat16 where the device computes in it natively (most GPUs since Ampere, CPUs with
    AVX512-BF16 or AMX), ``bf16`` is bfloat16 anywhere, ``fp32`` is float32 anywhere.
    """
    if amp == "fp32":
        return None
    return torch.bfloat16 if amp == "bf16" or has_bfloat16(device) else None


def has_bfloat16(device: torch.device) -> bool:
    """True if a device computes in bfloat16 natively."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and bool(native())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of torch on the CPU depend on the seed alone while it lasts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def float32_products(kind: str, device: torch.device) -> Iterator[None]:
    """Has a GPU multiply float32 as a training is to, while it lasts; exactly at all other times.

    Args:
        kind: as `float32_kind` gives it.
        device: where.
    """
    if device.type != "cuda":
        yield
        return
    try:
        _set_tf32(kind == "tf32")
        yield
    finally:
        _set_tf32(False)


def float32_kind(amp: str, device: torch.device) -> str:
    """The multiplication of float32 in a training: ``tf32`` on a GPU, where not all is to be exact.

    Args:
        amp: of the recipe; ``fp32`` is exact, ``ieee``.
        device: where.
    """
    return "tf32" if device.type == "cuda" and amp != "fp32" else "ieee"


def _set_tf32(on: bool) -> None:
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on


def describe_device(device: torch.device) -> dict[str, Any]:
    """The facts that a figure measured on this device must be quoted with."""
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
